import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Slot, Work } from './picker.ts';
import type { Tried } from './tried.ts';
import type { ColdGate } from './wait/cold-gate.ts';

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
  place(work: Work, how: { tried: Tried; excluded: ReadonlySet<string>; gate: ColdGate | undefined }): Slot | undefined;
}
