import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Slot, Work } from './picker.ts';
import type { Tried } from './tried.ts';

/** What a look found of the replica that a request would go to, in predicted seconds of prefill. */
export interface Look {
  readonly replica: string;
  /** Before its own: booked there by all routers, waiting inside of the engine, and held in routers for it. */
  readonly wait: number;
  /** Its own. */
  readonly own: number;
}

/** Stands between the look at replicas and the booking. */
export interface Gate {
  /** Seconds of prefill that are held in routers for a replica and go there first. */
  ahead(replica: string): number;
  /** Whether it is booked now; a request that is not is held in the router. */
  opens(look: Look): boolean;
}

/** Nobody waits for a pool that is removed or being deleted. One that starts has no replica that could be ready. */
export type PoolState = 'removed' | 'deleting' | 'starting' | 'serving';

/** Who picks for those whose turn it is. */
export interface Placer {
  stateOf(pool: string): PoolState;
  /** How far a pool is that starts, as far as that is known, and until when its requests are held. */
  startOf(pool: string): Pick<PoolDocument, 'starting' | 'hold'> | undefined;
  /**
   * Picks and books at once; undefined when no replica can take the request now. The gate is asked before the booking,
   * where seconds can be predicted.
   */
  place(work: Work, how: { tried: Tried; excluded: ReadonlySet<string>; gate: Gate | undefined }): Slot | undefined;
}
