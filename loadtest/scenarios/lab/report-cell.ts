/**
 * The first number in a Markdown report's table: of the row that begins with these cells, in the column of this name.
 * @throws if there is none
 */
export function reportCell(report: string, row: readonly string[], column: string): number {
  let columns: string[] = [];
  for (const line of report.split('\n')) {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (cells.includes(column)) columns = cells;
    if (!row.every((cell, index) => cells[index] === cell)) continue;
    const found = cells[columns.indexOf(column)];
    if (found !== undefined) return firstNumber(found);
  }
  throw new Error(
    `There is no row ${row.join(' | ')} with a column ${column}: the report has another form than expected.`,
  );
}

/** The first number in a text. @throws if there is none */
export function firstNumber(text: string): number {
  const found = /-?\d+(?:\.\d+)?/.exec(text)?.[0];
  if (found === undefined) throw new Error(`There is no number in "${text}".`);
  return Number(found);
}
