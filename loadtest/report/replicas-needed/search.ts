import type { CellRuns } from '#loadtest/virtual/marks/cell-runs.ts';
import { mean } from '#loadtest/virtual/marks/mean.ts';
import type { ScenarioText } from '#loadtest/virtual/scenario.ts';
import { findReplicas } from './find-replicas.ts';
import type { ReplicasNeeded } from './needed-file.ts';

/** What each fleet has to do. */
export interface Load {
  readonly engineers: number;
  /** That count, and those before them that fill caches. */
  readonly minutes: number;
  readonly warmUpMinutes: number;
  readonly seeds: readonly number[];
}

/** Share of first tokens that must come within two seconds. */
export const shareNeeded = 0.9;

/** Fairway as it is run, and the best rival in its best case: its routers share nothing, so there is one. */
const contenders = {
  'affinity, 4 routers': { policy: 'affinity', routers: 4 },
  'aibrix, 1 router': { policy: 'aibrix', routers: 1 },
} as const satisfies Record<string, ScenarioText>;

/** The hours around both peaks of an office day. */
export const peaks = ['10:30', '14:30'] as const;

/** How many replicas, up to `most`, each contender needs in both peak hours. `say` hears of each size that was tried. */
export async function searchNeeded(
  runs: CellRuns,
  { load, most }: { load: Load; most: number },
  say: (line: string) => void,
): Promise<ReplicasNeeded['contenders']> {
  const found: ReplicasNeeded['contenders'] = [];
  for (const [label, contender] of Object.entries(contenders)) {
    const tryOut = async (replicas: number): Promise<number[]> => {
      const hours = peaks.map((peak) => [peak, { ...hourFrom(peak, load), ...contender, replicas }] as const);
      const figures = await runs.all(Object.fromEntries(hours), load.seeds);
      const soon = peaks.flatMap((peak) => (figures[peak] ?? []).map((one) => one.soon));
      say(`${label}, ${replicas} replicas: ${(100 * mean(soon)).toFixed(1)} % within 2 s`);
      return soon;
    };
    const { needed, tried } = await findReplicas(most, tryOut, (soon) => mean(soon) >= shareNeeded);
    found.push({ label, ...(needed !== undefined && { needed }), tried });
  }
  return found;
}

function hourFrom(peak: string, { engineers, minutes, warmUpMinutes }: Load): ScenarioText {
  const [hour = 0, minute = 0] = peak.split(':').map(Number);
  const from = 60 * hour + minute - warmUpMinutes;
  const two = (value: number): string => String(value).padStart(2, '0');
  const dayFrom = `${two(Math.floor(from / 60))}:${two(from % 60)}`;
  return { workload: { kind: 'engineers', dayFrom }, engineers, minutes: warmUpMinutes + minutes, warmUpMinutes };
}
