/**
 * Reads gauges out of Prometheus text by their names; the values of one name are added up over its labels. A name that does
 * not occur is absent from the result: unknown is not 0.
 */
export function readGauges(text: string, names: readonly string[]): Map<string, number> {
  const wanted = new Set(names);
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const name = /^[a-zA-Z_:][\w:]*/.exec(line)?.[0];
    if (name === undefined || !wanted.has(name)) continue;
    const value = Number(/^[\w:]+(?:\{.*\})?\s+(\S+)/.exec(line)?.[1]);
    if (Number.isFinite(value)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}
