import type { QueueVerdict } from '#shared/runtime/keyed-queue.ts';
import { act, type Acted } from './act/act.ts';
import type { Caches } from './observe/caches.ts';
import { nextLook } from './plan/next-look.ts';
import type { Progress } from './plan/progress.ts';
import { kindOf } from './kube/kinds.ts';
import type { KubeObject } from './kube/kube-object.ts';
import type { WroteAt } from './kube/wrote-at.ts';
import { observe, type Observers } from './observe/observe.ts';
import { currentSuccesses, type ObservedState } from './observe/observed-state.ts';
import { planEndpoint, type Plan } from './plan/plan.ts';
import type { ProofDesk } from './proof/proof-desk.ts';
import type { ProvisionerMetrics } from './report/metrics.ts';
import type { Refusals } from './act/refusals.ts';
import { report, type ReportContext } from './report/report.ts';
import { MovedOnError } from './desired/documents.ts';
import type { StepContext, StepEffect } from './act/step-context.ts';
import type { KubeWrites } from './kube/kube-client.ts';

/** What the chain needs. */
export interface WorkOptions {
  /** True for endpoints whose shard is leased to this process. */
  owns: (endpointId: string) => boolean;
  reconciler: Reconciler;
}

/**
 * What happens to each wake-up, in order. This process serves no clients: endpoints that are woken by the stream, by a
 * watch, by a router's report, by a proof or by resync are its requests.
 */
export function createWork({ owns, reconciler }: WorkOptions) {
  return async (endpointId: string, signal: AbortSignal): Promise<QueueVerdict> => {
    // Somebody else's work; the owner is woken by the same things, and this process again when shards change hands.
    if (!owns(endpointId)) return undefined;
    await reconciler.caches.synced(signal);
    return reconcile(reconciler, endpointId, signal);
  };
}

/** Everything that one look at an endpoint needs. */
export interface Reconciler extends ReportContext, Observers {
  kube: KubeWrites;
  caches: Caches;
  proofs: ProofDesk;
  wroteAt: WroteAt;
  refusals: Refusals;
  metrics: ProvisionerMetrics;
}

/** Pauses before the next look, milliseconds: after a change, and after somebody else's. */
const pauseMs = { progress: 5, moved: 100, refused: 30_000 } as const;

/**
 * One look at one endpoint: observe → plan → act → report. Whatever it finds, it may die anywhere and be run again.
 * @throws what a retry with back-off may heal.
 */
async function reconcile(deps: Reconciler, endpointId: string, signal: AbortSignal): Promise<QueueVerdict> {
  await deps.wroteAt.ensureReady(endpointId, signal);
  const observed = await observe(deps, endpointId, deps.refusals.failureOf(endpointId));
  const revision = observed.desired.kind === 'absent' ? 0 : observed.desired.revision;
  if (deps.refusals.isFenced(endpointId, revision)) return undefined;
  const plan = planEndpoint(observed, deps.settings);
  const acted = await act(stepContext(deps, endpointId, signal), plan.steps, (step) =>
    deps.metrics.step(step, endpointId),
  );
  try {
    return await conclude(deps, { observed, plan, acted, revision });
  } catch (error) {
    if (!(error instanceof MovedOnError)) throw error;
    deps.log.debug({ endpointId, reason: error.message }, 'status.moved_on');
    return { requeueAfterMs: pauseMs.moved };
  }
}

interface Look {
  observed: ObservedState;
  plan: Plan;
  acted: Acted;
  revision: number;
}

async function conclude(deps: Reconciler, { observed, plan, acted, revision }: Look): Promise<QueueVerdict> {
  const { endpointId } = observed;
  const { failure } = acted;
  if (failure?.kind === 'stale') {
    deps.refusals.fence(endpointId, revision);
    deps.metrics.fenceRefused();
    const newest = await deps.documents.desired(endpointId);
    const ahead = newest.kind === 'spec' && newest.revision === revision;
    // A cluster that is ahead of the stream itself is no race: the stream was lost, or somebody wrote the number.
    deps.log[ahead ? 'error' : 'warn']({ endpointId, revision, ahead, reason: failure.message }, 'fence.refused');
    return undefined;
  }
  if (failure?.kind === 'moved') {
    deps.log.debug({ endpointId, reason: failure.message }, 'object.moved_on');
    await report(deps, observed, unproven(plan.progress));
    return { requeueAfterMs: pauseMs.moved };
  }
  if (failure?.kind === 'permanent') {
    const permanent = { revision, ...failure.failure };
    deps.refusals.fail(endpointId, permanent);
    const written = await report(deps, { ...observed, failure: permanent }, unproven(plan.progress));
    return { requeueAfterMs: written === null ? pauseMs.refused : pauseMs.progress };
  }
  if (failure !== null) {
    await report(deps, observed, unreachable(plan.progress, failure.error));
    throw failure.error;
  }
  const written = await report(deps, observed, plan.progress);
  keepOnlyCurrent(deps, observed, plan);
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
function keepOnlyCurrent(deps: Reconciler, observed: ObservedState, plan: Plan): void {
  const { endpointId, desired, status } = observed;
  const over = desired.kind === 'absent' || desired.kind === 'tombstone' || status.document?.state === 'gone';
  if (!over) {
    const wanted = plan.steps.flatMap((step) => (step.kind === 'prove' ? [step.key] : []));
    return deps.proofs.retain(endpointId, new Set([...wanted, ...currentSuccesses(observed)]));
  }
  deps.proofs.forget(endpointId);
  deps.refusals.forget(endpointId);
  deps.wroteAt.forget(endpointId);
}

function stepContext(deps: Reconciler, endpointId: string, signal: AbortSignal): StepContext {
  const { kube, nats, clock, documents, proofs, caches, wroteAt } = deps;
  const wrote = (object: KubeObject): StepEffect => {
    const cache = caches.of(kindOf(object));
    const { name, namespace, resourceVersion } = object.metadata;
    const known = cache?.store.get({ name, ...(namespace !== undefined && { namespace }) });
    if (cache !== undefined) wroteAt.wrote(endpointId, cache, object);
    return known?.metadata.resourceVersion === resourceVersion ? 'unchanged' : 'changed';
  };
  return { endpointId, kube, nats, clock, documents, proofs, wrote, signal };
}
