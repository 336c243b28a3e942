import { readFileSync } from 'node:fs';

/** The rows of a table of forward/faults.md; an empty first cell is that of the row above. */
export function faultTable(header: string): string[][] {
  const [, rest = ''] = sourceOf('router/forward/faults.md').split(`| ${header} |`);
  const lines = rest.split('\n').slice(2);
  const rows = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('|')),
  );
  const cells = rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  for (const [at, row] of cells.entries()) if (row[0] === '') row[0] = cells[at - 1]?.[0] ?? '';
  return cells;
}

/** A file, named as from the top of the repository. */
export function sourceOf(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
}
