import type { Failure } from './failure.ts';
import type { MatrixCase } from './matrix-cases.ts';
import type { Sdk } from './sdk.ts';

/** What came of one row for one SDK, in as few characters as it takes. */
export type Cell = '✓' | 'raises' | 'chunk' | `${number}`;

/** How an error was shown. */
export function cellOf({ status, name }: Failure): Cell {
  if (name === 'a chunk') return 'chunk';
  return status === undefined ? 'raises' : `${status}`;
}

/** Gathers what was seen, and writes it down as Markdown: a row for each case, a column for each SDK. */
export class MatrixTable {
  readonly #sdks: readonly Sdk[];
  readonly #rows: string[] = [];
  readonly #cells = new Map<string, Cell>();

  constructor(sdks: readonly Sdk[], rows: readonly Pick<MatrixCase, 'name' | 'how'>[]) {
    this.#sdks = sdks;
    this.#rows = rows.map(rowOf);
  }

  note(sdk: Sdk, one: Pick<MatrixCase, 'name' | 'how'>, cell: Cell): void {
    this.#cells.set(`${rowOf(one)} ${sdk.name}`, cell);
  }

  toString(): string {
    const columns = ['', ...this.#sdks.map(({ name }) => name)];
    const rows = this.#rows.map((row) => [
      row,
      ...this.#sdks.map(({ name }) => this.#cells.get(`${row} ${name}`) ?? '—'),
    ]);
    return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  }
}

function rowOf({ name, how }: Pick<MatrixCase, 'name' | 'how'>): string {
  return `${name} (${how})`;
}
