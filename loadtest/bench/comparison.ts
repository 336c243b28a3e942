/** One figure of two trees, measured in turns: `before[i]` and `after[i]` come from the same minute. */
export interface Figure {
  name: string;
  unit: string;
  /** A cost may grow to 1.05 times, a rate may shrink to 0.95 times; a note is shown and not judged. */
  kind: 'cost' | 'rate' | 'note';
  before: readonly number[];
  after: readonly number[];
}

const mostOfCost = 1.05;
const leastOfRate = 0.95;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** After ÷ before of the pairs, which drift together: the median, the least and the greatest. */
export function ratioOf({ before, after }: Pick<Figure, 'before' | 'after'>): {
  ratio: number;
  least: number;
  greatest: number;
} {
  const pairs = after.map((value, turn) => value / (before[turn] ?? Number.NaN));
  return { ratio: median(pairs), least: Math.min(...pairs), greatest: Math.max(...pairs) };
}

/** Whether a figure has not got worse than allowed; `undefined` for what is not judged. */
export function holds(figure: Figure): boolean | undefined {
  const { ratio } = ratioOf(figure);
  if (figure.kind === 'note') return undefined;
  return figure.kind === 'cost' ? ratio <= mostOfCost : ratio >= leastOfRate;
}

/** The rows of a Markdown table. */
export function comparisonTable(figures: readonly Figure[]): string[] {
  const verdict = (figure: Figure): string => {
    const held = holds(figure);
    if (held === undefined) return '';
    return held ? 'holds' : `**no**: ${figure.kind === 'cost' ? `over ${mostOfCost}` : `under ${leastOfRate}`}`;
  };
  return [
    '| figure | unit | before | after | after ÷ before | spread of the pairs | |',
    '|---|---|---|---|---|---|---|',
    ...figures.map((figure) => {
      const { ratio, least, greatest } = ratioOf(figure);
      const cells = [
        figure.name,
        figure.unit,
        short(median(figure.before)),
        short(median(figure.after)),
        ratio.toFixed(2),
        `${least.toFixed(2)}–${greatest.toFixed(2)} (${figure.after.length})`,
        verdict(figure),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
}

/** Three digits that matter. */
function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
