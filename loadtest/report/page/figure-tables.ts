import type { Figures } from '#loadtest/record/figures.ts';
import { overSeeds, ratioTo, type Contender, type OverSeeds } from './seen/contender.ts';
import { percent, spreadText } from './numerals.ts';
import type { Section } from './page.ts';

interface Row {
  readonly name: string;
  readonly value: (figures: Figures) => number;
  readonly text?: (value: number) => string;
  /** Shown only where there are any. */
  readonly rare?: true;
}

const rows: readonly Row[] = [
  { name: 'Answered requests per second', value: (one) => one.requestsPerSecond },
  { name: 'Goodput, good requests per second', value: (one) => one.goodput },
  { name: 'Good requests (TTFT ≤ 2 s, ITL ≤ 50 ms)', value: (one) => one.good, text: percent },
  { name: 'TTFT within 2 s', value: (one) => one.soon ?? Number.NaN, text: percent },
  { name: 'TTFT mean, s', value: (one) => one.ttft.mean },
  { name: 'TTFT p50, s', value: (one) => one.ttft.p50 },
  { name: 'TTFT p95, s', value: (one) => one.ttft.p95 },
  { name: 'TTFT p99, s', value: (one) => one.ttft.p99 },
  { name: 'ITL mean, ms', value: (one) => one.meanItlMs },
  { name: 'ITL p95, ms', value: (one) => one.itlMs?.p95 ?? Number.NaN },
  { name: 'End to end p50, s', value: (one) => one.e2e?.p50 ?? Number.NaN },
  { name: 'End to end p95, s', value: (one) => one.e2e?.p95 ?? Number.NaN },
  { name: 'Prompt tokens from caches', value: (one) => one.hits, text: percent },
  { name: 'Prefill amplification', value: (one) => one.amplification },
  { name: 'Mean context, tokens', value: (one) => one.meanContext },
  { name: 'Most requests in flight', value: (one) => one.inFlightMax },
  { name: 'Tries refused', value: (one) => one.refused },
  { name: 'Tries broken off', value: (one) => one.broken },
  { name: 'Never sent: the sender was full', value: (one) => one.unsent ?? 0, rare: true },
  { name: 'Cut off by the end of the run', value: (one) => one.unfinished ?? 0, rare: true },
  { name: 'Sent late p99, ms', value: (one) => one.lateMs?.p99 ?? Number.NaN },
  { name: 'CPU of what was asked, s', value: (one) => one.target?.cpuSeconds ?? Number.NaN },
  { name: 'Memory of what was asked, most, MB', value: (one) => (one.target?.rssMaxBytes ?? Number.NaN) / 1e6 },
];

/** What runs came to, side by side, and as ratios to the first. What none of them knows is left out. */
export function figuresSection(contenders: readonly Contender[]): Section {
  const [first, ...others] = contenders;
  const known = rows.filter(({ value, rare = false }) =>
    contenders.some((one) => {
      const { most } = overSeeds(one, value);
      return rare ? most > 0 : !Number.isNaN(most);
    }),
  );
  return {
    title: 'Figures',
    says: [
      'Each value is the mean over the seeds, with the least and the most in brackets. TTFT, ITL and end-to-end times are those of answered requests, counted from when they were meant to be sent: also what was refused first counts from its first try.',
      ...(others.length === 0
        ? []
        : [
            'Ratios are taken seed by seed with the same seed of the first, and averaged geometrically; 1 is the same.',
          ]),
    ],
    tables: [
      {
        caption: 'Figures',
        head: ['figure', ...contenders.map(({ label }) => label)],
        rows: known.map(({ name, value, text }) => [
          name,
          ...contenders.map((one) => spreadText(overSeeds(one, value), text)),
        ]),
      },
      ...(first === undefined || others.length === 0
        ? []
        : [
            {
              caption: `Ratios to ${first.label}`,
              head: ['figure', ...others.map(({ label }) => label)],
              rows: known.map(({ name, value }) => [
                name.replace(/, (s|ms|MB|tokens)$/, ''),
                ...others.map((other) => ratioText(ratioTo(first, other, value))),
              ]),
            },
          ]),
    ],
  };
}

function ratioText(ratio: OverSeeds | undefined): string {
  if (ratio === undefined) return 'no common seed';
  return Number.isFinite(ratio.middle) ? spreadText(ratio) : '–';
}
