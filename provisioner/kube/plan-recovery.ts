import { fullJitter } from '#shared/runtime/retry.ts';
import { KubeError, isGone, isVersionTooLarge } from './kube-error.ts';

/** Why a list or a watch is over, and how long it lasted. */
export interface Ending {
  step: 'list' | 'watch';
  livedMs: number;
  cause: 'closed' | 'inactive' | 'relist_due' | { error: unknown };
}

/** What the reflector does next. */
export interface Recovery {
  /** A full list has to succeed before the next watch. */
  relist: boolean;
  waitMs: number;
  /** Endings in a row without a healthy watch, this one included. */
  failures: number;
}

/** Bounds of the back-off. `retryAfterMaxMs` bounds what a server may ask for. */
export interface RecoveryBounds {
  baseMs: number;
  maxMs: number;
  retryAfterMaxMs: number;
  random: () => number;
}

/** A watch that lived this long was healthy: its end is no failure. Shorter ones back off, so that nothing tight-loops. */
const healthyAfterMs = 1_000;

/**
 * Decides how to go on after any end of a list or watch; there is none after which a reflector stops.
 * A silent watch is followed by a list, since a watch from a version in the server's future (after a restore) is
 * accepted and then says nothing for ever.
 */
export function planRecovery(ending: Ending, failuresBefore: number, bounds: RecoveryBounds): Recovery {
  const healthy = ending.step === 'watch' && ending.livedMs >= healthyAfterMs;
  const before = healthy ? 0 : failuresBefore;
  const backoffMs = fullJitter(before, bounds);
  const atFirstNow = before === 0 ? 0 : fullJitter(before - 1, bounds);
  switch (ending.cause) {
    case 'closed':
      return healthy
        ? { relist: false, waitMs: 0, failures: 0 }
        : { relist: false, waitMs: backoffMs, failures: before + 1 };
    case 'relist_due':
      return { relist: false, waitMs: 0, failures: before };
    case 'inactive':
      return { relist: true, waitMs: atFirstNow, failures: before + 1 };
    default:
      return planAfterError(ending.cause.error, { backoffMs, atFirstNow, failures: before + 1, bounds });
  }
}

interface Waits {
  backoffMs: number;
  atFirstNow: number;
  failures: number;
  bounds: RecoveryBounds;
}

function planAfterError(error: unknown, waits: Waits): Recovery {
  const { failures, bounds } = waits;
  if (isGone(error) || isVersionTooLarge(error)) return { relist: true, waitMs: waits.atFirstNow, failures };
  if (!(error instanceof KubeError)) return { relist: false, waitMs: waits.backoffMs, failures };
  if (error.retryAfterMs !== undefined) {
    const askedMs = Math.min(error.retryAfterMs, bounds.retryAfterMaxMs);
    return { relist: false, waitMs: askedMs + fullJitter(0, bounds), failures };
  }
  // These come again from the same version, so another watch from there cannot help.
  const poisoned = error.reason === 'BadResponse' || error.status === 400 || error.status === 422;
  return { relist: poisoned, waitMs: waits.backoffMs, failures };
}
