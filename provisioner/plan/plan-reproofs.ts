import type { ObservedState } from '../observe/observed-state.ts';
import type { ProofRecord } from '../proof/proof-record.ts';
import type { PlanSettings } from './settings.ts';
import type { ProofStep } from '../proof/proof-record.ts';

/** Proofs of an active endpoint that have become too old, and what they say. */
export interface ReproofPlan<Proof> {
  steps: Proof[];
  /** Why the endpoint no longer answers, or null. */
  unanswered: string | null;
  /** Time until the next proof is due, milliseconds; undefined = none is foreseen. */
  proveInMs: number | undefined;
}

/**
 * Asks an active endpoint's proofs again once their last success is older than `reproveMs`, and, while they fail, until
 * they succeed. What has not been proven in this process counts from when the endpoint became active or, after a start
 * or a change of hands, from the first look at it. Pure.
 */
export function planReproofs<Proof extends ProofStep>(
  proofs: readonly Proof[],
  observed: ObservedState,
  settings: Pick<PlanSettings, 'reproveMs'> & LossSettings,
): ReproofPlan<Proof> {
  const { reproveMs } = settings;
  if (reproveMs === 0) return { steps: [], unanswered: null, proveInMs: undefined };
  const { endpointId, now, proofsSince } = observed;
  const ageMs = Math.floor(reproveMs * (1 + shareOf(endpointId) / 2));
  const since = Math.max(activeSince(observed), proofsSince);
  const judged = proofs.map((proof) => {
    const record = observed.proofs.get(proof.key);
    const failed = record?.ok === false ? record : undefined;
    const waitMs = failed === undefined ? (record?.at ?? since) + ageMs - now : 0;
    return { proof: { ...proof, staleAt: now - ageMs }, failed, waitMs };
  });
  const waits = judged.map(({ waitMs }) => waitMs).filter((waitMs) => waitMs > 0);
  return {
    steps: judged.filter(({ waitMs }) => waitMs <= 0).map(({ proof }) => proof),
    unanswered: judged.find(({ failed }) => isLost(failed, settings, now))?.failed?.reason ?? null,
    proveInMs: waits.length > 0 ? Math.min(...waits) : undefined,
  };
}

/** When failed proofs make a loss. */
type LossSettings = Pick<PlanSettings, 'reproveFailures' | 'lostAfterMs' | 'lostByMs'>;

/**
 * Failures in a row make a loss only when they span time, since a router that starts anew refuses several within a second;
 * few that came late do too, so that whoever never answers is reported in bounded time. Pure.
 */
export function isLost(record: ProofRecord | undefined, settings: LossSettings, now: number): boolean {
  if (record?.ok !== false || record.failures === 0) return false;
  const failingMs = now - (record.failingSince ?? record.at);
  const { reproveFailures, lostAfterMs, lostByMs } = settings;
  return (record.failures >= reproveFailures && failingMs >= lostAfterMs) || failingMs >= lostByMs;
}

/** Endpoints that came up together are proven apart: their ids' last, random digits as a share of 1 spread them. */
function shareOf(endpointId: string): number {
  return Number.parseInt(endpointId.slice(-8), 16) / 2 ** 32;
}

function activeSince({ status: { document } }: ObservedState): number {
  const reachable = document?.conditions.find(({ type }) => type === 'Reachable');
  return Date.parse(reachable?.lastTransitionTime ?? document?.changeSince ?? '') || 0;
}
