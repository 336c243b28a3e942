import type { DrainReport } from '#shared/contract/replica.ts';

/** What a replica would be missed for: requests in flight, and prompt blocks that it should have cached. */
export interface ReplicaLoad {
  inFlight: number;
  blocks: number;
}

/**
 * Loads of replicas by what each registered router last said: requests add up, blocks are known to all of them. A replica
 * that one of them does not name is left out, since what is not known is not 0. Pure.
 */
export function replicaLoads(reports: readonly (DrainReport | undefined)[]): ReadonlyMap<string, ReplicaLoad> {
  const [first, ...others] = reports.map((report) => report?.loads ?? {});
  const loads = new Map<string, ReplicaLoad>();
  for (const [replicaId, [inFlight, blocks]] of Object.entries(first ?? {})) {
    const all = others.map((each) => each[replicaId]).filter((load) => load !== undefined);
    if (all.length < others.length) continue;
    loads.set(replicaId, {
      inFlight: all.reduce((sum, [count]) => sum + count, inFlight),
      blocks: Math.max(blocks, ...all.map(([, known]) => known)),
    });
  }
  return loads;
}
