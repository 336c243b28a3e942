import type { PodStage, PodView } from './pod-view.ts';
import { modelNames } from '../manifests/engine-deployment.ts';
import { proofKeys, type ObservedState } from '../observed-state.ts';
import type { ProofStep, Step } from '../step.ts';
import { hostsOf, type ChosenTarget } from './choose-target.ts';
import type { Progress } from './progress.ts';
import type { PlanSettings } from '../settings.ts';

/** Proofs that are due, and what the endpoint's proof says so far. */
export interface ProofPlan {
  steps: Step[];
  proved: boolean;
  /** Why the endpoint is not proven although its replicas are ready. */
  blocked: PodStage | undefined;
}

const proofStage = (reason: string, message: string): PodStage => ({ phase: 'proof', reason, message });
const noRouter = proofStage('NoRouter', 'No router of this VPC has been heard; the proof needs one.');

/**
 * Asks for a proof of each replica that routers know as `proving`, and, once enough replicas are ready, for one of each
 * pool through each listener that the target enables. Only what is stored counts: a router cannot answer for more.
 */
export function planProofs(
  { target }: ChosenTarget,
  observed: ObservedState,
  context: { measured: Omit<Progress, 'proved'>; settings: PlanSettings },
): ProofPlan {
  const { listeners } = observed;
  const hosts = hostsOf(target, context.settings.hostDomain);
  const replicaSteps = observed.pods.flatMap((pod): Step[] => {
    const stored = observed.pools.get(pod.pool)?.document;
    const replica = stored?.replicas.find(({ replicaId }) => replicaId === pod.replicaId);
    const heard = listeners.private.length > 0;
    const due = replica?.state === 'proving' && heard && pod.deletingAt === undefined;
    if (!due || stored === null || stored === undefined) return [];
    const key = proofKeys.replica(pod);
    if (observed.proofs.get(key)?.ok === true) return [];
    const { pool, specRevision, models } = stored;
    const step = { pool, specRevision, replicaId: pod.replicaId, host: hosts.private, model: models[0] ?? '' };
    return [{ kind: 'prove', key, listenerUrls: listeners.private, ...step, why: `replica ${pod.name} is new` }];
  });
  const due = endpointProofs({ target, observed, hosts });
  const enabled = hosts.public === undefined ? [listeners.private] : [listeners.public, listeners.private];
  const reached = enabled.every((urls) => urls.length > 0);
  if (!needsProof(target.intentSeq, observed, context))
    return { steps: replicaSteps, proved: false, blocked: blockedReplicas(observed, reached) };
  const open = due.filter(({ key }) => observed.proofs.get(key)?.ok !== true);
  const failed = open.map(({ key }) => observed.proofs.get(key)).find((outcome) => outcome?.ok === false);
  const failure = failed?.ok === false ? proofStage('ProofFailed', failed.reason) : undefined;
  const waiting = proofStage('Proving', 'Waiting for a first answer through every listener.');
  return {
    steps: [...replicaSteps, ...open],
    proved: reached && open.length === 0,
    blocked: reached ? (failure ?? waiting) : noRouter,
  };
}

/** The status has taken the newest spec up, it is not live yet, and there are enough replicas to answer for it. */
function needsProof(
  revision: number,
  { status: { document }, now }: ObservedState,
  { measured, settings }: { measured: Omit<Progress, 'proved'>; settings: PlanSettings },
): boolean {
  if (document === null || document.observedRevision !== revision) return false;
  if (document.state === 'active' || document.state === 'new') return false;
  const waitedMs = now - Date.parse(document.changeSince);
  const first = document.live === null && waitedMs >= settings.minimumAfterMs;
  const recovers = document.live !== null && document.live.revision === document.observedRevision;
  const fallback = document.live !== null && document.rejection?.revision === document.observedRevision;
  return measured.complete || (measured.minimum && (first || recovers || fallback));
}

function endpointProofs({
  target,
  observed,
  hosts,
}: {
  target: ChosenTarget['target'];
  observed: ObservedState;
  hosts: ReturnType<typeof hostsOf>;
}): (ProofStep & { why: string })[] {
  const revision = target.intentSeq;
  const lifecycleSeq = observed.status.document?.lifecycleSeq ?? 0;
  const listeners = [
    ...observed.listeners.private.map((url) => ({ url, host: hosts.private })),
    ...(hosts.public === undefined ? [] : observed.listeners.public.map((url) => ({ url, host: hosts.public ?? '' }))),
  ];
  return target.deployments.flatMap((deployment) =>
    listeners.map(({ url, host }) => ({
      kind: 'prove' as const,
      key: proofKeys.endpoint({ revision, lifecycleSeq, pool: deployment.modelId, url: `${host}@${url}` }),
      pool: deployment.modelId,
      specRevision: revision,
      replicaId: null,
      host,
      listenerUrls: [url],
      model: modelNames(deployment)[0] ?? deployment.slug,
      why: `revision ${revision} has to answer through ${host}`,
    })),
  );
}

/** Why replicas that could answer have not: shown in place of "Proving". */
function blockedReplicas({ pods, proofs }: ObservedState, reached: boolean): PodStage | undefined {
  if (!reached) return noRouter;
  const outcomes = pods.map((pod: PodView) => proofs.get(proofKeys.replica(pod)));
  const failed = outcomes.find((outcome) => outcome?.ok === false);
  return failed?.ok === false ? proofStage('ProofFailed', failed.reason) : undefined;
}
