import { isDeepStrictEqual } from 'node:util';
import type { Condition, StatusDocument } from '#shared/contract/status.ts';
import type { Hold } from '../plan/hold.ts';

/** Whom a hold is told of, and by whom. */
export interface HeldInput {
  endpointId: string;
  before: StatusDocument | null;
  hold: Hold;
  /** ISO instant. */
  at: string;
  writer: string;
}

/**
 * The status of an endpoint of which nothing may be changed now: what it was, and why. An endpoint that nothing was ever
 * told of stands at revision 0 until its spec may be taken up. Null when it says so already. Pure.
 */
export function heldStatus(input: HeldInput): StatusDocument | null {
  const { before, hold, at, writer } = input;
  if (before?.state === 'gone') return null;
  const known = before?.conditions.find(({ type }) => type === 'Stalled');
  const { reason, message, hint } = hold;
  const stalled: Condition = {
    type: 'Stalled',
    status: 'True',
    reason,
    message,
    ...(hint !== '' && { hint }),
    observedRevision: before?.observedRevision ?? 0,
    lastTransitionTime: known?.status === 'True' ? known.lastTransitionTime : at,
  };
  const { progress: _onHold, draining: _unwatched, hint: _before, ...base } = before ?? unbegun(input);
  const conditions = [...base.conditions.filter(({ type }) => type !== 'Stalled'), stalled];
  const next = { ...base, reason, message, ...(hint !== '' && { hint }), conditions };
  return isDeepStrictEqual(before, next) ? null : { ...next, updatedAt: at, writer };
}

function unbegun({ endpointId, at, writer }: HeldInput): StatusDocument {
  return {
    v: 1,
    endpointId,
    state: 'new',
    lifecycleSeq: 0,
    observedRevision: 0,
    live: null,
    phase: 'capacity',
    phaseSince: at,
    changeSince: at,
    reason: '',
    message: '',
    conditions: [],
    replicas: { desired: 0, ready: 0 },
    replicaList: [],
    hosts: null,
    rejection: null,
    history: [],
    updatedAt: at,
    writer,
  };
}
