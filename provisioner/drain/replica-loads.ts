import type { DrainReport } from '#shared/contract/replica.ts';

/** What a replica would be missed for: requests in flight, and prompt blocks that it should have cached. */
export interface ReplicaLoad {
  inFlight: number;
  blocks: number;
}

/**
 * Loads of some replicas by what each registered router last said: requests add up, blocks are known to all of them. A
 * replica that one of them does not name is left out, since what is not known is not 0. Pure.
 */
export function replicaLoads(
  reports: readonly (DrainReport | undefined)[],
  replicaIds: readonly string[],
): ReadonlyMap<string, ReplicaLoad> {
  const loads = new Map<string, ReplicaLoad>();
  for (const replicaId of replicaIds) {
    const all = reports.map((report) => report?.loads?.[replicaId]).filter((load) => load !== undefined);
    if (all.length === 0 || all.length < reports.length) continue;
    const inFlight = all.reduce((sum, [count]) => sum + count, 0);
    loads.set(replicaId, { inFlight, blocks: Math.max(...all.map(([, blocks]) => blocks)) });
  }
  return loads;
}
