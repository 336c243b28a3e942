import type { PoolDocument } from '#shared/contract/replica.ts';
import type { ReplicaSignals } from '../../replicas/replica-view.ts';
import type { Samples } from './samples.ts';

/** How the figures of one kind of engine are read: a new engine is a file of this folder, and a line in `adapter-of.ts`. */
export interface EngineAdapter {
  /** Path of what its metrics leave out, as JSON. */
  readonly path?: string;
  /** What they say; `other` is what stood at `path`, undefined if nothing that can be read did. */
  readonly read: (samples: Samples, engine: PoolDocument['engine'], other: unknown) => Figures;
}

/** Signals, where undefined is unknown. */
export type Figures = { readonly [Key in keyof ReplicaSignals]?: ReplicaSignals[Key] | undefined };

/** The product of two figures; unknown if one of them is. */
export function times(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a * b;
}
