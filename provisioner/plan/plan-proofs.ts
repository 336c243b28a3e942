import type { PodStage, PodView } from '../observe/pod-view.ts';
import { modelNames } from '../manifests/engine-deployment.ts';
import { type ObservedState } from '../observe/observed-state.ts';
import type { Step } from './step.ts';
import { hostsOf, type ChosenSpec } from './choose-spec.ts';
import { planReproofs } from './plan-reproofs.ts';
import type { Progress } from './progress.ts';
import type { PlanSettings } from './settings.ts';
import { type ProofStep, proofKeys } from '../proof/proof-record.ts';

/** Proofs that are due, and what the endpoint's proof says so far. */
export interface ProofPlan {
  steps: Step[];
  proved: boolean;
  /** Why the endpoint is not proven although its replicas are ready. */
  blocked: PodStage | undefined;
  /** Why the endpoint counts as one that does not answer, or null. */
  unanswered: string | null;
  /** Time until an active endpoint is due to be proven again, milliseconds; undefined = not foreseen. */
  proveInMs: number | undefined;
}

/** What was measured before proofs are looked at. */
type Measured = Omit<Progress, 'proved' | 'unanswered'>;

const proofStage = (reason: string, message: string): PodStage => ({ phase: 'proof', reason, message });
const noRouter = proofStage('NoRouter', 'No router of this VPC has been heard; the proof needs one.');

/**
 * Asks for a proof of each replica that routers know as `proving`, and, once enough replicas are ready, for one of each
 * pool through each listener that the target enables, by any one router; an active endpoint is asked again when that
 * has become old. Only what is stored counts: a router cannot answer for more.
 */
export function planProofs(
  { spec: target }: ChosenSpec,
  observed: ObservedState,
  context: { measured: Measured; settings: PlanSettings },
): ProofPlan {
  const { listeners } = observed;
  const { document } = observed.status;
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
  const unneeded = {
    proved: false,
    blocked: blockedReplicas(observed, reached),
    unanswered: null,
    proveInMs: undefined,
  };
  if (document?.state === 'active' && document.observedRevision === target.intentSeq) {
    const { steps, unanswered, proveInMs } = planReproofs(due, observed, context.settings);
    const blocked = unanswered === null ? unneeded.blocked : proofStage('ProofFailed', unanswered);
    return { ...unneeded, steps: [...replicaSteps, ...steps], blocked, unanswered, proveInMs };
  }
  if (!needsProof(target.intentSeq, observed, context)) return { ...unneeded, steps: replicaSteps };
  const open = due.filter(({ key }) => observed.proofs.get(key)?.ok !== true);
  const steps = [...replicaSteps, ...open];
  if (!reached) return { ...unneeded, steps, blocked: noRouter };
  if (open.length === 0) return { ...unneeded, steps, proved: true };
  const unanswered = failureOf(open, observed);
  const waiting = proofStage('Proving', 'Waiting for a first answer through every listener.');
  const blocked = unanswered === null ? waiting : proofStage('ProofFailed', unanswered);
  return { ...unneeded, steps, blocked, unanswered };
}

/** What the newest failure says; until there is one, what the status has said: a new try is no news by itself. */
function failureOf(open: readonly ProofStep[], { proofs, status }: ObservedState): string | null {
  const failed = open.map(({ key }) => proofs.get(key)).find((record) => record?.ok === false);
  if (failed?.ok === false) return failed.reason;
  const told = status.document?.conditions.find(({ type }) => type === 'Reachable');
  return told?.status === 'False' ? told.message : null;
}

/** The status has taken the newest spec up, it is not live yet, and there are enough replicas to answer for it. */
function needsProof(
  revision: number,
  { status: { document }, now }: ObservedState,
  { measured, settings }: { measured: Measured; settings: PlanSettings },
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
  target: ChosenSpec['spec'];
  observed: ObservedState;
  hosts: ReturnType<typeof hostsOf>;
}): (ProofStep & { why: string })[] {
  const revision = target.intentSeq;
  const lifecycleSeq = observed.status.document?.lifecycleSeq ?? 0;
  const listeners = [
    { urls: observed.listeners.private, host: hosts.private },
    ...(hosts.public === undefined ? [] : [{ urls: observed.listeners.public, host: hosts.public }]),
  ].filter(({ urls }) => urls.length > 0);
  return target.deployments.flatMap((deployment) =>
    listeners.map(({ urls, host }) => ({
      kind: 'prove' as const,
      key: proofKeys.endpoint({ revision, lifecycleSeq, pool: deployment.modelId, host }),
      pool: deployment.modelId,
      specRevision: revision,
      replicaId: null,
      host,
      listenerUrls: urls,
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
