/** DigitalOcean's six statuses; no value is ever added. `gone` is internal: the wire shows it as 404. */
export const wireStatuses = ['new', 'provisioning', 'active', 'updating', 'deleting', 'error'] as const;

/** A status as clients see it. */
export type WireStatus = (typeof wireStatuses)[number];

/** Every state of an endpoint. */
export const lifecycleStates = [...wireStatuses, 'gone'] as const;

/** A state of the table. */
export type LifecycleState = (typeof lifecycleStates)[number];

/**
 * What the provisioner can observe:
 * `accepted` a newer spec was taken up · `proved` the newest spec answers through every listener ·
 * `rejected` the newest spec failed for good or ran out of time · `lost` a live endpoint no longer answers ·
 * `deleteRequested` the spec asks for deletion · `tornDown` nothing of the endpoint is left.
 */
export const lifecycleEvents = ['accepted', 'proved', 'rejected', 'lost', 'deleteRequested', 'tornDown'] as const;

/** An event of the table. */
export type LifecycleEvent = (typeof lifecycleEvents)[number];

/** State and what is live beside it: a rejected change keeps serving when something was live before. */
export interface Lifecycle {
  state: LifecycleState;
  /** Grows by one with each change of state, never otherwise. */
  lifecycleSeq: number;
  /** Something was live once and still is. */
  live: boolean;
}

type Row = Partial<Record<LifecycleEvent, LifecycleState>>;

/**
 * state × event → next state; a missing cell is a forbidden transition. `rejected` is special: with something live the
 * state becomes `active` again, see `transition`.
 */
export const lifecycleTable = {
  new: { accepted: 'provisioning', deleteRequested: 'deleting' },
  provisioning: { accepted: 'provisioning', proved: 'active', rejected: 'error', deleteRequested: 'deleting' },
  active: { accepted: 'updating', proved: 'active', lost: 'updating', deleteRequested: 'deleting' },
  updating: {
    accepted: 'updating',
    proved: 'active',
    rejected: 'error',
    lost: 'updating',
    deleteRequested: 'deleting',
  },
  deleting: { deleteRequested: 'deleting', tornDown: 'gone' },
  error: { accepted: 'provisioning', proved: 'active', rejected: 'error', deleteRequested: 'deleting' },
  gone: { deleteRequested: 'gone', tornDown: 'gone' },
} as const satisfies Record<LifecycleState, Row>;

/** The start of every endpoint. */
export const initialLifecycle: Lifecycle = { state: 'new', lifecycleSeq: 0, live: false };

/** Thrown for a cell that the table does not have. */
export class IllegalTransitionError extends Error {
  override name = 'IllegalTransitionError';
}

/** True when the table has a next state for this event. */
export function mayTransition(state: LifecycleState, event: LifecycleEvent): boolean {
  const row: Row = lifecycleTable[state];
  return row[event] !== undefined;
}

/**
 * The next lifecycle. Pure; `lifecycleSeq` grows exactly when the state changes.
 * @throws IllegalTransitionError when the table forbids the event in this state.
 */
export function transition(previous: Lifecycle, event: LifecycleEvent): Lifecycle {
  const row: Row = lifecycleTable[previous.state];
  const listed = row[event];
  if (listed === undefined) throw new IllegalTransitionError(`${event} is not possible in state ${previous.state}`);
  const state = event === 'rejected' && previous.live ? 'active' : listed;
  const live = event === 'proved' ? true : state === 'gone' || state === 'deleting' ? false : previous.live;
  const lifecycleSeq = state === previous.state ? previous.lifecycleSeq : previous.lifecycleSeq + 1;
  return { state, lifecycleSeq, live };
}
