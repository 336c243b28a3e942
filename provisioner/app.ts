import type { QueueVerdict } from '#shared/runtime/keyed-queue.ts';
import { act, type Acted } from './act/act.ts';
import type { Refusals } from './act/refusals.ts';
import type { StepContext, StepEffect } from './act/step-context.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { Clusters } from './cluster/clusters.ts';
import { MovedOnError } from './desired/documents.ts';
import type { PastChanges } from './desired/past-changes.ts';
import { clusterKey, endpointKey, readKey, type QueueKey } from './desired/queue-key.ts';
import { kindOf } from './kube/kinds.ts';
import { KubeError } from './kube/kube-error.ts';
import type { KubeObject } from './kube/kube-object.ts';
import type { Caches } from './observe/caches.ts';
import { observe, type Observers } from './observe/observe.ts';
import { currentSuccesses, type ObservedState } from './observe/observed-state.ts';
import type { Hold } from './plan/hold.ts';
import { nextLook } from './plan/next-look.ts';
import type { Plan } from './plan/endpoint-plan.ts';
import { planEndpoint } from './plan/plan.ts';
import type { Progress } from './plan/progress.ts';
import type { ProofDesk } from './proof/proof-desk.ts';
import type { ProvisionerMetrics } from './report/metrics.ts';
import { report, reportHeld, type ReportContext } from './report/report.ts';

/** Everything that a look at any endpoint needs, wherever it is. */
export interface Reconciler extends ReportContext, Observers {
  proofs: ProofDesk;
  pastChanges: PastChanges;
  refusals: Refusals;
  metrics: ProvisionerMetrics;
  wake: (key: QueueKey) => void;
  /** Endpoints that may be moved to new pod templates at once, per cluster. */
  renewMax: number;
}

/** Pauses before the next look, milliseconds: after a change, after somebody else's, and while something is not known. */
const pauseMs = { progress: 5, moved: 100, unsure: 500, opening: 100, held: 10_000, refused: 30_000 } as const;

/**
 * What happens to each wake-up, in order. This process serves no clients: endpoints and clusters that are woken by the
 * stream, by a watch, by a router's report, by a proof or by resync are its requests.
 */
export function createWork(reconciler: Reconciler, clusters: Pick<Clusters, 'get' | 'all'>) {
  return async (text: string, signal: AbortSignal): Promise<QueueVerdict> => {
    const { of, id } = readKey(text);
    if (of === 'cluster') return clusters.get(id)?.look(signal);
    const looks = await Promise.all(
      placesOf(reconciler, clusters, id).map((cluster) => lookIn(reconciler, cluster, { endpointId: id, signal })),
    );
    const again = looks.flatMap((verdict) => verdict?.requeueAfterMs ?? []);
    return again.length === 0 ? undefined : { requeueAfterMs: Math.min(...again) };
  };
}

/** Where an endpoint is looked at: in its VPC, and wherever any object of it is; else something may be left anywhere. */
function placesOf({ desired }: Reconciler, clusters: Pick<Clusters, 'all'>, endpointId: string): Cluster[] {
  const entry = desired.get(endpointId);
  const holding = clusters
    .all()
    .filter(
      ({ vpcId, caches }) => (entry.kind === 'spec' && entry.spec.vpcId === vpcId) || caches?.has(endpointId) === true,
    );
  return holding.length > 0 || entry.kind === 'spec' ? holding : clusters.all();
}

interface Look {
  endpointId: string;
  signal: AbortSignal;
}

async function lookIn(reconciler: Reconciler, cluster: Cluster, look: Look): Promise<QueueVerdict> {
  switch (cluster.ownership(endpointKey(look.endpointId))) {
    // The owner is woken by the same things, and this process again when shards change hands.
    case 'other':
      return undefined;
    // Dropped now, a wake-up would be missed by everybody until the next resync.
    case 'unsure':
      return { requeueAfterMs: pauseMs.unsure };
    case 'mine':
      break;
  }
  const restMs = cluster.restMs();
  if (restMs > 0) return { requeueAfterMs: restMs };
  const { caches } = cluster;
  const hold = cluster.hold();
  if (hold !== null) return holdEndpoint(reconciler, look.endpointId, hold);
  if (caches === undefined) return { requeueAfterMs: pauseMs.opening };
  await caches.synced(look.signal);
  try {
    return await reconcile(reconciler, { cluster, caches }, look);
  } catch (error) {
    if (!(error instanceof KubeError) || error.retryAfterMs === undefined) throw error;
    cluster.rest(error.retryAfterMs);
    return { requeueAfterMs: cluster.restMs() };
  }
}

/** The cluster may not be worked on: its endpoints say so. */
async function holdEndpoint(reconciler: Reconciler, endpointId: string, hold: Hold): Promise<QueueVerdict> {
  const desired = reconciler.desired.get(endpointId);
  const status = await reconciler.documents.status(endpointId);
  await orMovedOn(reconciler, endpointId, () => reportHeld(reconciler, { endpointId, desired, status }, hold));
  return { requeueAfterMs: pauseMs.held };
}

interface Place {
  cluster: Cluster;
  caches: Caches;
}

/**
 * One look at one endpoint: observe → plan → act → report. Whatever it finds, it may die anywhere and be run again.
 * @throws what a retry with back-off may heal.
 */
async function reconcile(deps: Reconciler, place: Place, { endpointId, signal }: Look): Promise<QueueVerdict> {
  const { cluster, caches } = place;
  await cluster.wroteAt.ensureReady(endpointId, signal);
  const { vpcId, drains, renewing } = cluster;
  const seen = await observe(deps, { vpcId, caches, drains, renewing }, endpointId);
  const observed = { ...seen, failure: seen.failure ?? deps.refusals.failureOf(endpointId) };
  const plan = planEndpoint(observed, deps.settings);
  const context = stepContext(deps, place, { endpointId, signal });
  const acted = await act(context, plan.steps, (step) => deps.metrics.step(step, endpointId));
  const { wrote } = context;
  return orMovedOn(deps, endpointId, () => conclude({ ...deps, wrote }, cluster, { observed, plan, acted }));
}

async function orMovedOn<T>(
  { log }: Reconciler,
  endpointId: string,
  write: () => Promise<T>,
): Promise<T | QueueVerdict> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof MovedOnError)) throw error;
    log.debug({ endpointId, reason: error.message }, 'status.moved_on');
    return { requeueAfterMs: pauseMs.moved };
  }
}

interface Outcome {
  observed: ObservedState;
  plan: Plan;
  acted: Acted;
}

async function conclude(
  deps: Reconciler & Pick<StepContext, 'wrote'>,
  cluster: Cluster,
  { observed, plan, acted }: Outcome,
): Promise<QueueVerdict> {
  const { endpointId, desired } = observed;
  const context = { ...deps, kube: cluster.kube };
  const revision = desired.kind === 'absent' ? 0 : desired.revision;
  const { failure } = acted;
  if (failure?.kind === 'stale') {
    // Another process has been here with a newer spec, or the cluster knows a newer one than the stream: it is read again.
    deps.metrics.fenceRefused();
    deps.log.warn({ endpointId, revision, reason: failure.message }, 'fence.refused');
    deps.wake(clusterKey(cluster.vpcId));
    return { requeueAfterMs: pauseMs.refused };
  }
  if (failure?.kind === 'moved') {
    deps.log.debug({ endpointId, reason: failure.message }, 'object.moved_on');
    await report(context, observed, unproven(plan.progress));
    return { requeueAfterMs: pauseMs.moved };
  }
  if (failure?.kind === 'permanent') {
    const permanent = { revision, ...failure.failure };
    deps.refusals.fail(endpointId, permanent);
    const written = await report(context, { ...observed, failure: permanent }, unproven(plan.progress));
    return { requeueAfterMs: written === null ? pauseMs.refused : pauseMs.progress };
  }
  if (failure !== null) {
    await report(context, observed, unreachable(plan.progress, failure.error));
    throw failure.error;
  }
  const written =
    plan.hold === undefined
      ? await report(context, observed, plan.progress)
      : await reportHeld(context, observed, plan.hold);
  keepOnlyCurrent(deps, cluster, { observed, plan, acted });
  takeTurns(deps, cluster, { observed, plan, acted });
  if (acted.changed || written !== null) return { requeueAfterMs: pauseMs.progress };
  const again = nextLook(observed, observed.status.document, plan);
  return again === undefined ? undefined : { requeueAfterMs: again };
}

function unproven(progress: Progress | null): Progress | null {
  return progress === null ? null : { ...progress, proved: false, tornDown: false };
}

function unreachable(progress: Progress | null, error: unknown): Progress | null {
  const message = error instanceof Error ? error.message : String(error);
  const unsure = unproven(progress);
  return unsure === null ? null : { ...unsure, stage: { ...unsure.stage, reason: 'ClusterFailing', message } };
}

/** What is remembered of an endpoint in this process ends with what it was about. */
function keepOnlyCurrent(deps: Reconciler, cluster: Cluster, { observed, plan }: Outcome): void {
  const { endpointId, desired, status } = observed;
  if (desired.kind === 'absent' && plan.hold !== undefined) cluster.quarantined.add(endpointId);
  else cluster.quarantined.delete(endpointId);
  const over = desired.kind === 'absent' || desired.kind === 'tombstone' || status.document?.state === 'gone';
  if (!over) {
    const asked = plan.steps.flatMap((step) => (step.kind === 'prove' ? [step.key] : []));
    return deps.proofs.retain(endpointId, new Set([...asked, ...currentSuccesses(observed)]));
  }
  deps.proofs.forget(endpointId);
  deps.refusals.forget(endpointId);
  cluster.wroteAt.forget(endpointId);
}

/** Lets endpoints that serve move to the pod templates that this build writes, a few at a time. */
function takeTurns({ renewMax, wake }: Reconciler, { renewing }: Cluster, { observed, plan }: Outcome): void {
  const { endpointId } = observed;
  const settled = plan.progress?.complete === true && observed.status.document?.state === 'active';
  if (renewing.has(endpointId)) {
    if (plan.templates === undefined || (plan.templates === 'newest' && settled)) renewing.delete(endpointId);
  } else if (plan.templates === 'kept' && settled && renewing.size < renewMax) {
    renewing.add(endpointId);
    wake(endpointKey(endpointId));
  }
}

function stepContext(deps: Reconciler, { cluster, caches }: Place, { endpointId, signal }: Look): StepContext {
  const { nats, clock, documents, proofs } = deps;
  const wrote = (object: KubeObject): StepEffect => {
    const cache = caches.of(kindOf(object));
    const { name, namespace, resourceVersion } = object.metadata;
    const known = cache?.store.get({ name, ...(namespace !== undefined && { namespace }) });
    if (cache !== undefined) cluster.wroteAt.wrote(endpointId, cache, object);
    return known?.metadata.resourceVersion === resourceVersion ? 'unchanged' : 'changed';
  };
  return { endpointId, kube: cluster.kube, nats, clock, documents, proofs, wrote, signal };
}
