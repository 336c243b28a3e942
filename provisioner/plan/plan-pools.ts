import { isDeepStrictEqual } from 'node:util';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { modelNames } from '../manifests/engine-deployment.ts';
import { profile } from '../manifests/endpoint-objects.ts';
import type { AppliedSpec } from '../manifests/applied-spec.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PlanSettings } from './settings.ts';
import type { Step } from './step.ts';
import { planReplicas } from './plan-pool.ts';

/** The document of each pool as it should be, by pool id. */
export type WantedPools = ReadonlyMap<string, PoolDocument>;

/** Computes the documents of all pools of the target, and of pools that it no longer has while they have replicas. */
export function wantedPools(
  target: AppliedSpec,
  observed: ObservedState,
  context: { victims: ReadonlySet<string>; settings: PlanSettings },
): WantedPools {
  const wanted = new Map<string, PoolDocument>();
  const replicasOf = (pool: string, previous: PoolDocument | null): PoolDocument['replicas'] =>
    planReplicas({
      pods: observed.pods.filter((pod) => pod.pool === pool),
      previous,
      victims: context.victims,
      proofs: observed.proofs,
      now: observed.now,
      drainTimeoutMs: context.settings.drainTimeoutMs,
    });
  for (const deployment of target.deployments) {
    const pool = deployment.modelId;
    const previous = observed.pools.get(pool)?.document ?? null;
    const { name, healthPath, metricsPath, metrics, kvTokens, blockTokens, contextTokensMax } = profile;
    wanted.set(pool, {
      v: 1,
      endpointId: target.endpointId,
      team: target.team,
      vpcId: target.vpcId,
      pool,
      specRevision: target.intentSeq,
      models: modelNames(deployment),
      engine: { profile: name, healthPath, metricsPath, metrics, kvTokens, blockTokens, contextTokensMax },
      upstreamKey: context.settings.upstreamKeyOf(pool),
      prefixSalt: context.settings.prefixSaltOf(pool),
      proofKey: context.settings.proofKeyOf(pool),
      replicas: replicasOf(pool, previous),
    });
  }
  for (const [pool, { document }] of observed.pools) {
    if (wanted.has(pool) || document === null) continue;
    const replicas = replicasOf(pool, document);
    if (replicas.length > 0) wanted.set(pool, { ...document, replicas });
  }
  return wanted;
}

/** Writes the documents that differ from what is stored and removes those that nothing needs any more. */
export function planPoolWrites(wanted: WantedPools, observed: ObservedState): Step[] {
  const writes = [...wanted].flatMap(([pool, document]): Step[] => {
    const stored = observed.pools.get(pool);
    if (isDeepStrictEqual(stored?.document ?? null, document)) return [];
    return [
      {
        kind: 'write-pool',
        document,
        expectedSeq: stored?.seq ?? 0,
        why: 'the replicas or settings of the pool changed',
      },
    ];
  });
  const removals = [...observed.pools].flatMap(([pool, { document, seq }]): Step[] =>
    document === null || wanted.has(pool)
      ? []
      : [{ kind: 'remove-pool', pool, vpcId: document.vpcId, expectedSeq: seq, why: 'the pool is no longer wanted' }],
  );
  return [...writes, ...removals];
}
