import type { PoolReplica } from '#shared/contract/replica.ts';
import type { Usage } from '../dialects/dialect.ts';
import type { PassiveFailure } from '../replicas/replica-health.ts';
import type { PromptKeys } from '../scan/block-keys.ts';

/** One request as placement sees it. */
export interface Work {
  readonly pool: string;
  readonly prompt: PromptKeys;
  /** Names the conversation, where the client says it. */
  readonly session?: string;
  /** A probe for exactly this replica, whatever its state. */
  readonly only?: string;
  /** Output that is reserved for it, tokens; 0 when the client does not bound it. */
  readonly maxTokens: number;
}

/** How a slot's request ended. */
export type SlotEnd =
  | { readonly kind: 'answered'; readonly usage: Usage | undefined }
  | { readonly kind: 'failed'; readonly failure: PassiveFailure }
  | { readonly kind: 'left' };

/** One attempt's place on a replica: booked when it is made, given back exactly once, in whatever way the attempt ends. */
export interface Slot extends Disposable {
  readonly replica: PoolReplica;
  /** Why this replica. */
  readonly reason: string;
  /** Prompt tokens that its cache should hold. */
  readonly predictedCachedTokens: number;
  /** What the attempt taught; without it the slot is just given back. */
  ended(end: SlotEnd): void;
}

/** Who decides where a request goes, and keeps the books. */
export interface Placement {
  /**
   * Picks and books at once; undefined when no replica can take the request now. A replica that refused a connection is
   * left out until it is seen again, whether it is excluded or not.
   */
  place(work: Work, excluded: ReadonlySet<string>): Slot | undefined;
  /** Resolves when another replica may be there, after `ms`, or when the signal aborts. Never rejects. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
}
