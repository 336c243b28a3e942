import { covers } from './covers.ts';
import { isNewest } from './current-groups.ts';
import { chooseSpec, hostsOf, inPlaceOf, type ChosenSpec } from './choose-spec.ts';
import { planPoolWrites, plannedPools, type PlannedPools } from './plan-pools.ts';
import { planProofs } from './plan-proofs.ts';
import type { Plan } from './endpoint-plan.ts';
import type { Hold } from './hold.ts';
import { planLastStatus, planUnknown } from './plan-unknown.ts';
import { planTeardown } from './plan-teardown.ts';
import { planRouteStatus } from './plan-route-status.ts';
import { planWorkloads, planWorkloadSteps, roomBeside, seen, type WorkloadPlan } from './plan-workloads.ts';
import { measure, noProgress, replicaListOf, type Progress } from './progress.ts';
import { kindOf, kinds } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { customResource } from '../manifests/custom-resource.ts';
import { supportObjects, unfenced } from '../manifests/endpoint-objects.ts';
import type { AppliedSpec, PoolSecrets } from '../manifests/applied-spec.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PodStage } from '../observe/pod-view.ts';
import { chooseGroups, listedReplicas } from './rollout-of.ts';
import type { PlanSettings } from './settings.ts';
import type { Step } from './step.ts';
import { intentSeqOf, labels } from '../manifests/names.ts';

const nothing: Plan = { steps: [], progress: null };

/**
 * The next steps towards what is desired, each with its reason. Pure and level-triggered: it looks at what is there,
 * never at what was done, so that a process may die between any two steps.
 */
export function planEndpoint(observed: ObservedState, settings: PlanSettings): Plan {
  const { desired, status } = observed;
  switch (desired.kind) {
    case 'parked':
      return nothing;
    case 'absent':
      return planUnknown(observed, settings);
    case 'tombstone':
      return sweep(observed, settings);
    case 'spec':
      break;
  }
  if (observed.newestSeq > desired.revision) return { ...nothing, hold: behind(observed.newestSeq, desired.revision) };
  if (desired.spec.deletion !== undefined || status.document?.state === 'deleting' || status.document?.state === 'gone')
    return takeDown(observed, settings);
  const chosen = chooseSpec(desired, observed);
  if (observed.resource?.metadata.deletionTimestamp !== undefined) {
    const why = 'somebody deleted the custom resource; it is finished and made anew';
    const { steps } = planTeardown(observed, { drain: false, drainTimeoutMs: settings.drainTimeoutMs, why });
    return { steps, progress: create(chosen.spec) };
  }
  return bringUp(chosen, observed, settings);
}

function create(spec: AppliedSpec): Progress {
  const desired = spec.deployments
    .flatMap(({ accelerators }) => accelerators)
    .reduce((sum, { scale }) => sum + scale, 0);
  const stage: PodStage = { phase: 'capacity', reason: 'Creating', message: 'The endpoint is being created.' };
  return { ...noProgress, replicas: { desired, ready: 0 }, stage };
}

/** The stream itself has nothing newer: it was restored from a copy, or what is there was written for another one. */
function behind(newestSeq: number, revision: number): Hold {
  return {
    reason: 'Fenced',
    message: `The newest spec is revision ${revision}, but revision ${newestSeq} has been applied before: nothing is changed.`,
    hint: `Bring the stream of desired state to a sequence above ${newestSeq}; then change the endpoint again.`,
  };
}

/** What a process that woke up too late has made of an endpoint that was deleted. */
function sweep(observed: ObservedState, settings: PlanSettings): Plan {
  const why = 'the endpoint was deleted';
  const { steps, gone } = planTeardown(observed, { drain: false, drainTimeoutMs: settings.drainTimeoutMs, why });
  return { steps: gone ? planLastStatus(observed) : steps, progress: null };
}

function takeDown(observed: ObservedState, settings: PlanSettings): Plan {
  const options = { drain: true, drainTimeoutMs: settings.drainTimeoutMs, why: 'deletion was asked for' };
  const { steps, gone, message } = planTeardown(observed, options);
  const over = observed.status.document?.state === 'gone';
  const confirm: Step[] = gone && !over ? [{ kind: 'confirm-gone', why: 'the caches show nothing any more' }] : [];
  const stage: PodStage = { phase: 'teardown', reason: gone ? 'TornDown' : 'Deleting', message };
  const replicaList = replicaListOf(observed, listedReplicas(observed));
  return {
    steps: [...steps, ...confirm],
    progress: { ...noProgress, replicaList, stage, tornDown: gone },
  };
}

function bringUp(chosen: ChosenSpec, observed: ObservedState, settings: PlanSettings): Plan {
  const { spec } = chosen;
  const { resource } = observed;
  const planned = customResource(spec);
  if (resource === null || resource.metadata.uid === undefined) {
    const why = 'the endpoint has no custom resource';
    const step: Step = { kind: 'create-resource', object: planned, revision: spec.intentSeq, why };
    return { steps: [step], progress: create(spec) };
  }
  const { uid, name } = resource.metadata;
  const owner = { apiVersion: resource.apiVersion, kind: resource.kind, name, uid };
  const adopt: Step[] = covers(resource, planned)
    ? []
    : [{ kind: 'apply', object: planned, uid, why: `revision ${spec.intentSeq} was taken up` }];
  const { current, rollout, refusal } = chooseGroups(spec, observed, settings);
  const live = observed.status.document?.live ?? null;
  if (refusal !== null && live !== null && chosen.of === 'desired' && live.revision !== spec.intentSeq) {
    const { progress, ...plan } = bringUp(inPlaceOf(spec, live), observed, settings);
    return { ...plan, progress: progress && { ...progress, refusal } };
  }
  const workloads = planWorkloads({ current, rollout }, observed);
  const secretsOf = (pool: string): PoolSecrets => ({
    upstreamKey: settings.upstreamKeyOf(pool),
    huggingFaceToken: observed.huggingFaceToken,
    storageKeys: settings.storageKeys,
  });
  const beside = roomBeside(workloads, observed);
  const deployments = workloads.workloads.map(({ deployment }) => deployment);
  const hosts = observed.gatewayApi ? hostsOf(spec, settings.hostDomain) : null;
  const { victims, held, stuck } = workloads;
  const there = { beside, deployments, hosts, evictable: stuck };
  const support = supportObjects(spec, { owner, secretsOf, settings: settings.manifests, ...there });
  const pools = plannedPools(spec, observed, { victims, held, settings });
  const measured = exchanging(measure(current, observed, pools), workloads, pools);
  const proofs = planProofs(chosen, observed, { current, measured, settings });
  const { proved, unanswered, proveInMs } = proofs;
  const shown = unanswered !== null || ['proof', 'done'].includes(measured.stage.phase);
  const stage = (shown ? proofs.blocked : undefined) ?? measured.stage;
  const kept = current.some((group) => !isNewest(group, settings));
  const templates = kept ? 'kept' : workloads.moving ? 'moving' : 'newest';
  // The fenced write first: a process that is behind is told before it tells routers anything. Then the routers: what they
  // know of pods must not wait for an object that the cluster refuses.
  const steps = [
    ...adopt,
    ...planPoolWrites(pools, observed),
    ...planSupport(support, observed),
    ...planWorkloadSteps(spec, workloads),
    ...planRouteStatus(observed),
    ...planPrune(support, observed),
    ...proofs.steps,
  ];
  return {
    steps,
    progress: { ...measured, stage, proved, unanswered, refusal: null, short: workloads.short },
    templates,
    proveInMs,
  };
}

/** Says of replicas that nobody has made yet that others have to go first. */
function exchanging<T extends Pick<Progress, 'stage'>>(measured: T, { short }: WorkloadPlan, pools: PlannedPools): T {
  if (!short || measured.stage.phase !== 'capacity' || measured.stage.reason !== 'Creating') return measured;
  const held = pools.values().some(({ hold }) => hold !== undefined);
  const how = held ? 'requests are held while the only one is exchanged' : 'they are exchanged one by one';
  const message = `New replicas have no room beside the old ones: ${how}.`;
  return { ...measured, stage: { phase: 'capacity', reason: 'Exchanging', message } };
}

/**
 * What has not changed is not written, and keeps the sequence that it was last written for: a late write of an older spec
 * finds a greater one, or writes what is there. Where a spec has turned back to what is there, a later look puts right what
 * slipped in between; counts do not wait for that, Deployments carry each spec's sequence (`planWorkloadSteps`).
 */
function planSupport(planned: readonly KubeObject[], { namespace, children }: ObservedState): Step[] {
  return planned.flatMap((object): Step[] => {
    const live =
      object.kind === 'Namespace' ? (namespace ?? undefined) : children.find((child) => isSame(child, object));
    if (live !== undefined && intentSeqOf(live) >= 0 && covers(live, unfenced(object))) return [];
    return [
      { kind: 'apply', object, why: live === undefined ? 'it is missing' : 'it differs from what the spec makes' },
    ];
  });
}

/** Objects with the endpoint's label that this spec does not have; Deployments go by their own rules, and what their pods need goes after them. */
function planPrune(planned: readonly KubeObject[], { children }: ObservedState): Step[] {
  const removed = children.filter(({ kind }) => kind === kinds.deployment.kind).map(poolOf);
  const serving = new Set(removed.filter((pool) => !planned.some((object) => poolOf(object) === pool)));
  return children
    .filter((child) => child.kind !== kinds.deployment.kind && child.metadata.deletionTimestamp === undefined)
    .filter((child) => !planned.some((object) => isSame(object, child)) && !serving.has(poolOf(child)))
    .map((child): Step => ({ kind: 'delete', seen: seen(child, kindOf(child)), why: 'the spec does not have it' }));
}

function isSame(a: KubeObject, b: KubeObject): boolean {
  return a.kind === b.kind && a.apiVersion === b.apiVersion && a.metadata.name === b.metadata.name;
}

function poolOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.[labels.pool];
}
