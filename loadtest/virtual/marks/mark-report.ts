import type { Figures } from '#loadtest/record/figures.ts';
import type { MarkRow } from './mark-rows.ts';
import { mean } from './mean.ts';

/** Where the rows come from. */
export interface MarkSource {
  readonly figures: Readonly<Record<string, readonly Figures[]>>;
  readonly seeds: readonly number[];
  readonly commit: string;
  readonly calm: number;
  readonly saturated: number;
}

/** The report as it is kept: each mark beside its goal, then what each run came to. */
export function markReport(rows: readonly MarkRow[], source: MarkSource): string {
  const { figures, seeds, commit, calm, saturated } = source;
  return [
    '# Routing marks in virtual time',
    '',
    `\`node loadtest/virtual/marks.ts --seeds ${seeds.join(',')}\` at commit ${commit}; preset 30b-a3b-h200 with KV blocks of 256 tokens, 8 replicas unless said otherwise, 30 minutes of which 10 are warm-up. Good is a first token within 2 s and 50 ms between tokens on average.`,
    `Calm is ${calm} engineers, the most at which AIBrix’s rule with one router keeps 90 % good (found on seeds 1–6); saturated is ${saturated}. Seed by seed against its pair, geometric mean (least–most). No client names its conversation, but where a rule needs that. The rivals share nothing between routers.`,
    '',
    '| mark | goal | measured | holds | bound |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ mark, goal, measured, holds, bound = '' }) =>
        `| ${mark} | ${goal} | ${measured} | ${holds ? 'yes' : '**no**'} | ${bound} |`,
    ),
    '',
    'Means over the seeds; amplification is prompt tokens computed per token that no cache could have had. `bound1` is one router whose replicas never evict: about the best that any order of requests can come to, and the bound of the marks.',
    '',
    '| run | req/s | hits % | TTFT mean s | p50 | p95 | p99 | ITL ms | goodput/s | good % | amplification | refused |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...Object.entries(figures).map(([cell, all]) => lineOf(cell, all)),
    '',
  ].join('\n');
}

function lineOf(cell: string, all: readonly Figures[]): string {
  const of = (value: (one: Figures) => number, digits = 2): string => mean(all.map(value)).toFixed(digits);
  const columns = [
    of((one) => one.requestsPerSecond),
    of((one) => 100 * one.hits, 1),
    of(({ ttft }) => ttft.mean),
    of(({ ttft }) => ttft.p50),
    of(({ ttft }) => ttft.p95),
    of(({ ttft }) => ttft.p99, 1),
    of((one) => one.meanItlMs, 1),
    of((one) => one.goodput),
    of((one) => 100 * one.good, 1),
    of((one) => one.amplification),
    of((one) => one.refused, 0),
  ];
  return `| ${cell} | ${columns.join(' | ')} |`;
}
