import type { StatusDocument } from '#shared/contract/status.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Plan } from './endpoint-plan.ts';

/** Times between looks at an endpoint that is on its way, milliseconds; watches and reports wake it earlier. */
export const lookAgainMs = { proving: 300, moving: 1_000, stuck: 5_000, held: 10_000 } as const;

/** Proofs that fall due within this time are waited for, milliseconds; a round of resync finds the later ones. */
export const foresightMs = 60_000;

/**
 * When to look again although nothing may wake the key: proofs and drains have no watch, and deadlines pass silently.
 * Undefined once an endpoint has come to rest; resync still visits it. Pure.
 */
export function nextLook(
  observed: ObservedState,
  status: StatusDocument | null,
  { steps, hold, proveInMs = Number.POSITIVE_INFINITY }: Pick<Plan, 'steps' | 'hold' | 'proveInMs'>,
): number | undefined {
  if (observed.desired.kind === 'parked') return undefined;
  if (hold !== undefined) return hold.reason === 'Sweeping' ? lookAgainMs.moving : lookAgainMs.held;
  if (steps.some(({ kind }) => kind === 'prove')) return lookAgainMs.proving;
  if (observed.desired.kind !== 'spec') return observed.resource || observed.namespace ? lookAgainMs.moving : undefined;
  const draining = [...observed.gates.values()].some(({ go, overdue = false }) => !go || overdue);
  if (draining) return lookAgainMs.moving;
  switch (status?.state) {
    case 'gone':
      return undefined;
    case 'active':
      if (status.reason !== 'Active') return Math.min(lookAgainMs.stuck, proveInMs);
      return proveInMs <= foresightMs ? proveInMs : undefined;
    case 'error':
      return lookAgainMs.stuck;
    case 'updating':
    case 'provisioning':
      return status.reason === 'NoRouter' ? lookAgainMs.proving : lookAgainMs.moving;
    case 'new':
    case 'deleting':
    case undefined:
      return lookAgainMs.moving;
  }
}
