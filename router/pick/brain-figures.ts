import type { PrefixSync } from '../ledger/prefix-sync.ts';

/** What there is to measure of a brain. */
export interface BrainFigures {
  readonly inFlight: number;
  readonly waiting: number;
  /** Of those, the ones that are held since they would put others back. */
  readonly heldForSlot: number;
  /** Requests that were refused since their turn would have come too late. */
  readonly shed: number;
  /** Slots of cold prompts that this router gave to others, got from others, and took without a grant since none had come. */
  readonly grants: Readonly<Record<'given' | 'received' | 'lost', number>>;
  /** In flight on replicas, of all routers. */
  readonly clusterInFlight: number;
  /** Replicas that are meant to be ready and get no requests, or only if nobody better is there. */
  readonly replicasInDoubt: number;
  readonly prefixBlocks: number;
  /** Flows whose work was forgotten for want of room. */
  readonly flowsForgotten: number;
  readonly prefixSync: PrefixSync['counts'];
  readonly keptAnswers: number;
  readonly keptAnswersForgotten: number;
  readonly keptAnswersNotAsked: number;
  readonly keptAnswersUnwritten: number;
}
