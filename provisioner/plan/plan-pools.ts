import { isDeepStrictEqual } from 'node:util';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import { changeSteps, type StatusDocument } from '#shared/contract/status.ts';
import { kvEventsPort, kvReplayPort } from '../engines/engine-profile.ts';
import { engineSizes } from '../engines/engine-sizes.ts';
import { modelNames } from '../manifests/engine-deployment.ts';
import type { AppliedSpec } from '../manifests/applied-spec.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { proofKeys } from '../proof/proof-record.ts';
import type { PodView } from '../observe/pod-view.ts';
import { isLost } from './plan-reproofs.ts';
import { deletionCosts } from './plan-replica-count.ts';
import type { PlanSettings } from './settings.ts';
import type { Step } from './step.ts';

const kvEvents = { port: kvEventsPort, replayPort: kvReplayPort };

/** The document of each pool as it should be, by pool id. */
export type PlannedPools = ReadonlyMap<string, PoolDocument>;

/** Which pods are to go, and what else decides. */
interface PoolContext {
  victims: ReadonlySet<string>;
  /** Pools whose last replicas that serve are to go before others can be there. */
  held: ReadonlySet<string>;
  settings: PlanSettings;
}

/** Computes the documents of all pools of the spec, and of pools that it no longer has while they have replicas. */
export function plannedPools(spec: AppliedSpec, observed: ObservedState, context: PoolContext): PlannedPools {
  const planned = new Map<string, PoolDocument>();
  for (const deployment of spec.deployments) {
    const pool = deployment.modelId;
    const engine = context.settings.manifests.engineOf(deployment);
    const { name: profile, healthPath, metricsPath, metrics, adapter, blockTokens } = engine;
    const replicas = planReplicas(pool, observed, context);
    const hold = planHold(pool, replicas, { observed, ...context });
    const starting = replicas.some(({ state }) => state === 'ready') ? undefined : startingOf(observed.status.document);
    planned.set(pool, {
      v: 1,
      endpointId: spec.endpointId,
      team: spec.team,
      vpcId: spec.vpcId,
      pool,
      specRevision: spec.intentSeq,
      models: modelNames(deployment),
      createdAt: spec.createdAt,
      ...(spec.routing !== undefined && { routing: spec.routing }),
      engine: {
        profile,
        healthPath,
        metricsPath,
        metrics,
        adapter,
        blockTokens,
        ...engineSizes(deployment, engine),
        ...(engine.goesOnWithoutClient && { goesOnWithoutClient: true }),
        ...(engine.saltsCache && { saltsCache: true }),
        ...(context.settings.manifests.kvEvents && engine.kvEvents !== null && { kvEvents }),
      },
      upstreamKey: context.settings.upstreamKeyOf(pool),
      prefixSalt: context.settings.prefixSaltOf(pool),
      proofKey: context.settings.proofKeyOf(pool),
      ...(starting !== undefined && { starting }),
      ...(hold !== undefined && { hold }),
      replicas,
    });
  }
  for (const [pool, { document }] of observed.pools) {
    if (planned.has(pool) || document === null) continue;
    const replicas = planReplicas(pool, observed, context);
    const hold = planHold(pool, replicas, { observed, ...context });
    const { hold: _, ...kept } = document;
    if (replicas.length > 0) planned.set(pool, { ...kept, ...(hold !== undefined && { hold }), replicas });
  }
  return planned;
}

/** A hold begins with the last drain, and is over once a replica is ready or its time is; it is not made longer. */
function planHold(
  pool: string,
  replicas: readonly PoolReplica[],
  { observed, held, settings }: PoolContext & { observed: ObservedState },
): PoolDocument['hold'] {
  if (replicas.some(({ state }) => state === 'ready')) return undefined;
  const before = observed.pools.get(pool)?.document?.hold;
  if (before !== undefined) return before.until > observed.now ? before : undefined;
  return held.has(pool) ? { until: observed.now + settings.holdMaxMs } : undefined;
}

/** What the status says of a change that is on its way: routers hear it when people do, and no more often. */
function startingOf(status: StatusDocument | null): PoolDocument['starting'] {
  const phase = changeSteps.find((step) => step === status?.phase);
  if (status === null || phase === undefined) return undefined;
  const readyAt = status.progress?.estimate?.readyAt;
  return { phase, ...(readyAt !== undefined && { readyAt: Date.parse(readyAt) }) };
}

/**
 * The replicas of a pool that routers should know. A pod starts as `proving` once it is ready, and becomes `ready` when it
 * has answered through a router; one that is going is `draining` until it is gone, whatever else is known of it. Pure.
 */
export function planReplicas(pool: string, observed: ObservedState, context: PoolContext): PoolReplica[] {
  const listed = observed.pools.get(pool)?.document?.replicas ?? [];
  const previous = new Map(listed.map((replica) => [replica.replicaId, replica]));
  return observed.pods
    .filter((pod) => pod.pool === pool)
    .flatMap((pod) => planReplica(pod, previous.get(pod.replicaId), { observed, ...context }) ?? [])
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

function planReplica(
  pod: PodView,
  before: PoolReplica | undefined,
  context: PoolContext & { observed: ObservedState },
): PoolReplica | undefined {
  const { replicaId, name, address, port, revision, restarts } = pod;
  if (address === undefined || pod.finished) return undefined;
  const place = { replicaId, name, address, port, revision, restarts };
  // A released pod may be taken at any moment, also when it is no longer meant to go: it is listed once unmarked.
  const released = pod.deletionCost === deletionCosts.released;
  // While its kubelet is not heard, nobody ends a pod that is marked for deletion.
  const ending = pod.deletingAt !== undefined && !pod.unheard;
  const going = ending || released || context.victims.has(replicaId);
  if (going && before !== undefined)
    return { ...place, state: 'draining', drainDeadline: deadlineOf(pod, before, context) };
  if (before === undefined && (going || !pod.ready)) return undefined;
  return { ...place, state: isProven(pod, before, context) ? 'ready' : 'proving' };
}

/**
 * Proven once, a replica stays so until its engine restarts. That Kubernetes takes it for not ready is no news by itself:
 * it is asked through a router, and only when it does not answer there either it is `proving` again.
 */
function isProven(
  pod: PodView,
  before: PoolReplica | undefined,
  { observed, settings }: { observed: ObservedState; settings: PlanSettings },
): boolean {
  const record = observed.proofs.get(proofKeys.replica(pod));
  if (record?.ok === true) return true;
  if (before?.state !== 'ready' || (before.restarts ?? pod.restarts) !== pod.restarts) return false;
  return pod.ready || !isLost(record, settings, observed.now);
}

/** A drain keeps its first deadline; a pod that somebody else deletes has until it is killed. */
function deadlineOf(
  pod: PodView,
  before: PoolReplica,
  { observed: { now }, settings }: { observed: ObservedState; settings: PlanSettings },
): string {
  if (before.drainDeadline !== undefined) return before.drainDeadline;
  const at = pod.deletingAt === undefined ? now + settings.drainTimeoutMs : Date.parse(pod.deletingAt);
  return new Date(at).toISOString();
}

/** Writes the documents that differ from what is stored and removes those that nothing needs any more. */
export function planPoolWrites(planned: PlannedPools, observed: ObservedState): Step[] {
  const writes = [...planned].flatMap(([pool, document]): Step[] => {
    const stored = observed.pools.get(pool);
    if (isDeepStrictEqual(stored?.document ?? null, document)) return [];
    const why = 'the replicas or settings of the pool changed';
    return [{ kind: 'write-pool', document, expectedSeq: stored?.seq ?? 0, why }];
  });
  const removals = [...observed.pools].flatMap(([pool, { document, seq }]): Step[] =>
    document === null || planned.has(pool)
      ? []
      : [
          {
            kind: 'remove-pool',
            pool,
            vpcId: document.vpcId,
            expectedSeq: seq,
            why: 'the pool is no longer asked for',
          },
        ],
  );
  return [...writes, ...removals];
}
