import type { CellRuns } from './cell-runs.ts';
import { mean } from './mean.ts';

/** Seeds of tuning: the marks' own are not looked at here. */
const seeds = [1, 2, 3, 4, 5, 6];
/** Engineers on eight replicas, between which it is found to the nearest ten. */
const bounds = { calm: 100, tooMany: 500, step: 10 } as const;
const goodShare = 0.9;

/** The most engineers at which AIBrix's rule with one router keeps 90 % of requests good. */
export async function findCalm(runs: CellRuns): Promise<number> {
  let { calm, tooMany }: { calm: number; tooMany: number } = bounds;
  while (tooMany - calm > bounds.step) {
    const engineers = Math.round((calm + tooMany) / 2 / bounds.step) * bounds.step;
    const { aibrix } = await runs.all({ aibrix: { engineers, policy: 'aibrix' } }, seeds);
    const good = mean(aibrix.map((figures) => figures.good));
    console.log(`${engineers} engineers, aibrix, one router: ${(100 * good).toFixed(1)} % good`);
    if (good >= goodShare) calm = engineers;
    else tooMany = engineers;
  }
  return calm;
}
