import type { PodStage, PodView } from '../observe/pod-view.ts';
import { modelNames } from '../manifests/engine-deployment.ts';
import { type ObservedState } from '../observe/observed-state.ts';
import type { Step } from './step.ts';
import { hostsOf, type ChosenSpec } from './choose-spec.ts';
import type { CurrentGroup } from './current-groups.ts';
import type { AppliedSpec } from '../manifests/applied-spec.ts';
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
type Measured = Omit<Progress, 'proved' | 'unanswered' | 'refusal' | 'short'>;

const proofStage = (reason: PodStage['reason'], message: string): PodStage => ({ phase: 'proof', reason, message });
const noRouter = proofStage('NoRouter', 'No router of this VPC has been heard; the proof needs one.');

/** A replica that serves although Kubernetes does not take it for ready is asked this often, milliseconds. */
const witnessEveryMs = 10_000;

interface ProofContext {
  current: readonly CurrentGroup[];
  measured: Measured;
  settings: PlanSettings;
}

/**
 * Asks for a proof of each replica that routers know as `proving` or that Kubernetes does not take for ready, and, once
 * enough replicas are ready, for one of each pool through each listener that the spec enables, by any one router; an
 * active endpoint is asked again when that has become old. Only what is stored counts: a router cannot answer for more.
 */
export function planProofs({ spec }: ChosenSpec, observed: ObservedState, context: ProofContext): ProofPlan {
  const { listeners } = observed;
  const { document } = observed.status;
  const hosts = hostsOf(spec, context.settings.hostDomain);
  const replicas = replicaProofs(observed, hosts.private);
  const due = endpointProofs(spec, observed, { ...context, hosts });
  const enabled = hosts.public === undefined ? [listeners.private] : [listeners.public, listeners.private];
  const reached = enabled.every((urls) => urls.length > 0);
  const unneeded = {
    proved: false,
    blocked: blockedReplicas(observed, reached),
    unanswered: null,
    proveInMs: replicas.proveInMs,
  };
  if (document?.state === 'active' && document.observedRevision === spec.intentSeq) {
    const { steps, unanswered, proveInMs } = planReproofs(due, observed, context.settings);
    const blocked = unanswered === null ? unneeded.blocked : proofStage('ProofFailed', unanswered);
    const again = [proveInMs, replicas.proveInMs].filter((ms) => ms !== undefined);
    const next = again.length === 0 ? undefined : Math.min(...again);
    return { ...unneeded, steps: [...replicas.steps, ...steps], blocked, unanswered, proveInMs: next };
  }
  if (!needsProof(spec.intentSeq, observed, context)) return { ...unneeded, steps: replicas.steps };
  const open = due.filter(({ key }) => observed.proofs.get(key)?.ok !== true);
  const steps = [...replicas.steps, ...open];
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
  { measured, settings }: Pick<ProofContext, 'measured' | 'settings'>,
): boolean {
  if (document === null || document.observedRevision !== revision) return false;
  if (document.state === 'active' || document.state === 'new') return false;
  const waitedMs = now - Date.parse(document.changeSince);
  const first = document.live === null && waitedMs >= settings.minimumAfterMs;
  const recovers = document.live !== null && document.live.revision === document.observedRevision;
  const fallback = document.live !== null && document.rejection?.revision === document.observedRevision;
  return measured.complete || (measured.minimum && (first || fallback)) || (measured.serving && recovers);
}

function replicaProofs(observed: ObservedState, host: string): { steps: Step[]; proveInMs: number | undefined } {
  const { listeners, proofs, now } = observed;
  const judged = observed.pods.flatMap((pod) => {
    const stored = observed.pools.get(pod.pool)?.document;
    const state = stored?.replicas.find(({ replicaId }) => replicaId === pod.replicaId)?.state;
    const asked = state === 'proving' || (state === 'ready' && !pod.ready);
    if (!asked || !stored || pod.finished || listeners.private.length === 0) return [];
    const key = proofKeys.replica(pod);
    const record = proofs.get(key);
    const waitMs = record?.ok !== true ? 0 : state === 'proving' ? undefined : record.at + witnessEveryMs - now;
    const { pool, specRevision, models } = stored;
    const model = models[0] ?? '';
    const why = pod.ready ? `replica ${pod.name} is new` : `Kubernetes does not take replica ${pod.name} for ready`;
    const staleAt = state === 'ready' ? { staleAt: now - witnessEveryMs } : {};
    const { replicaId } = pod;
    const step = { key, listenerUrls: listeners.private, pool, specRevision, replicaId, host, model, why, ...staleAt };
    return [{ step: { kind: 'prove' as const, ...step }, waitMs }];
  });
  const waits = judged.flatMap(({ waitMs }) => (waitMs !== undefined && waitMs > 0 ? [waitMs] : []));
  return {
    steps: judged.flatMap(({ step, waitMs }) => (waitMs !== undefined && waitMs <= 0 ? [step] : [])),
    proveInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

function endpointProofs(
  spec: AppliedSpec,
  observed: ObservedState,
  { current, hosts }: ProofContext & { hosts: ReturnType<typeof hostsOf> },
): (ProofStep & { why: string })[] {
  const revision = spec.intentSeq;
  const lifecycleSeq = observed.status.document?.lifecycleSeq ?? 0;
  const listeners = [
    { urls: observed.listeners.private, host: hosts.private },
    ...(hosts.public === undefined ? [] : [{ urls: observed.listeners.public, host: hosts.public }]),
  ].filter(({ urls }) => urls.length > 0);
  return spec.deployments.flatMap((deployment) =>
    listeners.map(({ urls, host }) => ({
      kind: 'prove' as const,
      key: proofKeys.endpoint({ revision, lifecycleSeq, pool: deployment.modelId, host }),
      pool: deployment.modelId,
      specRevision: revision,
      replicaId: witnessOf(deployment.modelId, observed, current),
      host,
      listenerUrls: urls,
      model: modelNames(deployment)[0] ?? deployment.slug,
      why: `revision ${revision} has to answer through ${host}`,
    })),
  );
}

/** While replicas of an older template serve beside the current ones, one of these has to answer; else whoever is picked. */
function witnessOf(pool: string, observed: ObservedState, current: readonly CurrentGroup[]): string | null {
  const routed = observed.pools.get(pool)?.document?.replicas.filter(({ state }) => state !== 'draining') ?? [];
  const isCurrent = (replica: { revision: string }): boolean =>
    current.some(({ revision }) => revision === replica.revision);
  const mixed = routed.some((replica) => replica.state === 'ready' && !isCurrent(replica));
  return mixed ? (routed.find(isCurrent)?.replicaId ?? null) : null;
}

/** Why replicas that could answer have not: shown in place of "Proving". */
function blockedReplicas({ pods, proofs }: ObservedState, reached: boolean): PodStage | undefined {
  if (!reached) return noRouter;
  const outcomes = pods.map((pod: PodView) => proofs.get(proofKeys.replica(pod)));
  const failed = outcomes.find((outcome) => outcome?.ok === false);
  return failed?.ok === false ? proofStage('ProofFailed', failed.reason) : undefined;
}
