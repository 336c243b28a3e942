import { z } from 'zod';
import type { Figures } from '#loadtest/record/figures.ts';
import { geometricMean, mean } from '#loadtest/virtual/marks/mean.ts';

interface Figure {
  readonly unit: '' | ' s' | ' ms' | ' %' | '/s' | '×';
  readonly of: (figures: Figures) => number;
}

/** What a mark can be about; shares count in percent. */
const figures = {
  good: { unit: ' %', of: ({ good }) => 100 * good },
  soon: { unit: ' %', of: ({ soon }) => 100 * soon },
  goodput: { unit: '/s', of: ({ goodput }) => goodput },
  hits: { unit: ' %', of: ({ hits }) => 100 * hits },
  /** Hits as a share of those with caches that never evict: of what is computed then, all is fresh. */
  oracle: { unit: ' %', of: ({ hits, amplification }) => (100 * hits) / (1 - (1 - hits) / amplification) },
  ttftMean: { unit: ' s', of: ({ ttft }) => ttft.mean },
  ttftP50: { unit: ' s', of: ({ ttft }) => ttft.p50 },
  ttftP95: { unit: ' s', of: ({ ttft }) => ttft.p95 },
  ttftP99: { unit: ' s', of: ({ ttft }) => ttft.p99 },
  itl: { unit: ' ms', of: ({ meanItlMs }) => meanItlMs },
  amplification: { unit: '×', of: ({ amplification }) => amplification },
  refused: { unit: '', of: ({ refused }) => refused },
  broken: { unit: '', of: ({ broken }) => broken },
  brokenEarly: { unit: '', of: ({ brokenEarly = Number.NaN }) => brokenEarly },
} satisfies Record<string, Figure>;

type FigureName = keyof typeof figures;

/** What a scenario must come to. */
export const markSchema = z
  .strictObject({
    mark: z.string(),
    figure: z.enum(Object.keys(figures) as [FigureName, ...FigureName[]]),
    /** The bound is on the ratio to this run beside it, seed by seed. */
    ratioTo: z.string().optional(),
    /** The bound is on how much less it is than in this run beside it, seed by seed. */
    lossFrom: z.string().optional(),
    atMost: z.number().optional(),
    atLeast: z.number().optional(),
    /** Where the bound comes from. */
    from: z.string(),
  })
  .refine(({ atMost, atLeast }) => (atMost === undefined) !== (atLeast === undefined), 'a mark has one bound')
  .refine(({ ratioTo, lossFrom }) => ratioTo === undefined || lossFrom === undefined, 'a mark is compared once');

/** One mark. */
export type Mark = z.infer<typeof markSchema>;

/** What a mark came to. */
export interface Judged {
  readonly mark: string;
  readonly goal: string;
  readonly measured: string;
  readonly holds: boolean;
}

/**
 * Judges by the mean over the seeds, of ratios the geometric one. `runs`: by name what each came to, in the order of the seeds; the
 * scenario itself has the name of `own`. What could not be measured does not hold.
 */
export function judge(mark: Mark, own: string, runs: Readonly<Record<string, readonly Figures[]>>): Judged {
  const { unit, of }: Figure = figures[mark.figure];
  const valuesOf = (run: string): number[] => (runs[run] ?? []).map(of);
  const mine = valuesOf(own);
  const { ratioTo, lossFrom } = mark;
  if (ratioTo !== undefined) {
    const others = valuesOf(ratioTo);
    const ratios = mine.map((value, seed) => value / (others[seed] ?? Number.NaN));
    return judged(mark, { unit: '×', values: ratios, middle: geometricMean(ratios) });
  }
  if (lossFrom === undefined) return judged(mark, { unit, values: mine, middle: mean(mine) });
  const others = valuesOf(lossFrom);
  const losses = mine.map((value, seed) => (others[seed] ?? Number.NaN) - value);
  return judged(mark, { unit: unit === ' %' ? ' points' : unit, values: losses, middle: mean(losses) });
}

function judged(
  { mark, atMost = Infinity, atLeast = -Infinity }: Mark,
  { unit, values, middle }: { unit: string; values: readonly number[]; middle: number },
): Judged {
  const range = values.length > 1 ? ` (${rounded(Math.min(...values))} to ${rounded(Math.max(...values))})` : '';
  return {
    mark,
    goal: atLeast === -Infinity ? `≤ ${atMost}${unit}` : `≥ ${atLeast}${unit}`,
    measured: `${rounded(middle)}${unit}${range}`,
    holds: middle <= atMost && middle >= atLeast,
  };
}

function rounded(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
