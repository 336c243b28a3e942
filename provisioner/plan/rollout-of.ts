import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import { loadingMs } from '../desired/past-changes.ts';
import { defaultRequests } from '../manifests/guards.ts';
import { appliedSpec, type AppliedSpec } from '../manifests/applied-spec.ts';
import { askedAnnotation, labels } from '../manifests/names.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PodView } from '../observe/pod-view.ts';
import { wantsOf } from '../observe/room.ts';
import { inPlaceOf } from './choose-spec.ts';
import { currentGroups, type CurrentGroup } from './current-groups.ts';
import { victimOrder, type ListedStates } from './plan-replica-count.ts';
import { comesAbout, type Rollout, type RolloutPod } from './rollout/rollout.ts';
import type { PlanSettings } from './settings.ts';

/** Why a change is not begun, and what a person can do. */
export interface Refusal {
  reason: string;
  message: string;
  hint: string;
}

/** Groups of a spec on the templates that they are to run on, how they come there, and why they cannot, or null. */
export interface GroupChoice {
  current: readonly CurrentGroup[];
  rollout: Rollout;
  refusal: Refusal | null;
}

/**
 * Which templates the groups of a spec are to have. A newer one of the same is taken only where it has room beside the
 * old one. A change for which there is no room in any way is refused while nothing of it has been made. Pure.
 */
export function chooseGroups(spec: AppliedSpec, observed: ObservedState, settings: PlanSettings): GroupChoice {
  const choiceOf = (renew: boolean): GroupChoice => {
    const current = currentGroups(spec, { ...observed, renew }, settings);
    const rollout = rolloutOf(current, observed, settings);
    return { current, rollout, refusal: isPossible(rollout, current, observed) ? null : refuse(rollout, current) };
  };
  const newest = choiceOf(observed.renew);
  return newest.refusal !== null && observed.renew ? choiceOf(false) : newest;
}

/** Once it has begun it goes on as far as it can, until its deadline. */
function isPossible(
  rollout: Rollout,
  current: readonly CurrentGroup[],
  { children }: Pick<ObservedState, 'children'>,
): boolean {
  const made = new Set(children.map(({ metadata }) => metadata.name));
  const begun = current.every(({ deployment }) => made.has(deployment.metadata.name));
  return rollout.outdated.length === 0 || begun || comesAbout(rollout);
}

function refuse(rollout: Rollout, current: readonly CurrentGroup[]): Refusal {
  const sizes = current.map(({ group: { accelerator } }) => {
    const gpus = gpuSize(accelerator.slug)?.gpuCount ?? 1;
    return `${accelerator.scale} × ${accelerator.slug} of ${gpus} GPU${gpus === 1 ? '' : 's'}`;
  });
  const alone = comesAbout({ ...rollout, mayHold: true });
  return alone
    ? {
        reason: 'NoRoomBeside',
        message: `There is no room for ${sizes.join(', ')} beside the one replica that serves, and its requests are not held for as long as another takes to load.`,
        hint: 'Add nodes with free GPUs, ask for one more replica first, or let requests be held for longer (FAIRWAY_HOLD_MAX_MS).',
      }
    : {
        reason: 'NoRoom',
        message: `There is no room for ${sizes.join(', ')}, not even as the present replicas go one by one.`,
        hint: 'Ask for fewer replicas or for another accelerator, or add nodes with free GPUs to the cluster.',
      };
}

/** What a rollout decides on. */
function rolloutOf(current: readonly CurrentGroup[], observed: ObservedState, settings: PlanSettings): Rollout {
  const listed = listedReplicas(observed);
  const names = new Set(current.map(({ deployment }) => deployment.metadata.name));
  const deployments = observed.children.filter(({ kind }) => kind === 'Deployment');
  const outdated = deployments.filter(({ metadata }) => !names.has(metadata.name));
  const order = victimOrder(listed, { leaving: new Set(), loads: observed.loads });
  const podsOf = (revision: string | undefined): RolloutPod[] =>
    livePods(observed.pods, revision)
      .toSorted(order)
      .map(({ replicaId: id, node }) => {
        const state = listed.get(id);
        return { id, node, ready: state === 'ready', draining: state === 'draining' };
      });
  const live = outdated.length === 0 ? new Set() : liveNames(observed, settings);
  const asked = new Set(current.map(({ deployment }) => deployment.metadata.annotations?.[askedAnnotation]));
  return {
    wanted: current.map(({ group, deployment, revision }) => ({
      pool: group.deployment.modelId,
      scale: group.accelerator.scale,
      count: deployments.filter(({ metadata }) => metadata.name === deployment.metadata.name).map(replicasOf)[0] ?? 0,
      pods: podsOf(revision),
      wants: wantsOf(templateOf(deployment), defaultRequests),
    })),
    outdated: outdated.map((deployment) => ({
      pool: deployment.metadata.labels?.[labels.pool] ?? '',
      count: replicasOf(deployment),
      pods: podsOf(deployment.metadata.labels?.[labels.revision]),
      live: live.has(deployment.metadata.name),
      renewed: asked.has(deployment.metadata.annotations?.[askedAnnotation] ?? ''),
    })),
    live: new Map(
      (observed.status.document?.live?.deployments ?? []).map(({ modelId, accelerators }) => [
        modelId,
        accelerators.reduce((sum, { scale }) => sum + scale, 0),
      ]),
    ),
    room: observed.room,
    mayHold: mayHold(current, observed, settings),
  };
}

/** Names of the Deployments that the live spec runs on. */
function liveNames(observed: ObservedState, settings: PlanSettings): Set<string> {
  const { document } = observed.status;
  if (document === null || document.live === null || observed.desired.kind !== 'spec') return new Set();
  const newest = appliedSpec(observed.desired.spec, observed.desired.revision);
  const { spec } = inPlaceOf(newest, document.live);
  return new Set(currentGroups(spec, observed, settings).map(({ deployment }) => deployment.metadata.name));
}

/** Unknown load times are tried: at its end a hold is lifted, whatever has become of it. */
function mayHold(
  current: readonly CurrentGroup[],
  { pastChanges }: ObservedState,
  { holdMaxMs }: Pick<PlanSettings, 'holdMaxMs'>,
): boolean {
  const loading = loadingMs(
    pastChanges,
    current.map(({ group: { deployment } }) => deployment),
  );
  return holdMaxMs > 0 && (loading ?? 0) <= holdMaxMs;
}

/** Pods of one template that are neither going nor over. */
export function livePods(pods: readonly PodView[], revision: string | undefined): PodView[] {
  return pods.filter((pod) => pod.revision === revision && !pod.finished && pod.deletingAt === undefined);
}

/** States of replicas as their pools' documents have them. */
export function listedReplicas({ pools }: Pick<ObservedState, 'pools'>): ListedStates {
  const replicas = [...pools.values()].flatMap(({ document }) => document?.replicas ?? []);
  return new Map(replicas.map(({ replicaId, state }) => [replicaId, state]));
}

/** `spec.replicas` of a Deployment. */
export function replicasOf(deployment: KubeObject): number {
  const spec = deployment['spec'] as { replicas?: number } | undefined;
  return spec?.replicas ?? 1;
}

function templateOf(deployment: KubeObject): unknown {
  return (deployment['spec'] as { template?: { spec?: unknown } } | undefined)?.template?.spec;
}
