import type { Routing } from '#shared/contract/desired.ts';
import type { KeptAnswer } from '../../replicas/kept-answers.ts';
import { heavierFirst, rendezvousWeight } from '../../replicas/rendezvous.ts';
import type { ReplicaState } from '../../replicas/replica-view.ts';
import { hashText } from '../../scan/hash64.ts';
import type { PromptKeys } from '../../scan/prefix-hash.ts';

/**
 * - `affinity`: the replica has the conversation.
 * - `affinity_overloaded`: replicas have it, but another one is done with it sooner, or has less load.
 * - `session`: nobody is known to have it, yet it is no new one, or it has a name; its place is computed.
 * - `soonest`: a new conversation, where it is done soonest.
 * - `least_in_flight`: as `soonest` while the pace of the pool is unknown, or the policy asks for no more.
 * - `round_robin`: it was this replica's turn.
 */
export type PickReason = 'affinity' | 'affinity_overloaded' | 'session' | 'soonest' | 'least_in_flight' | 'round_robin';

/** What a pick must know of a request. */
export interface Asked {
  readonly prompt: PromptKeys;
  /** Names the conversation, where the client says it. */
  readonly session?: string;
  /** The answer that it goes on from. */
  readonly continues?: KeptAnswer;
  /** Left out: `affinity`. */
  readonly policy?: Routing['policy'];
}

/** What a replica is for one request. */
export interface Suitability {
  /** Last block of the prompt that it should hold, -1 for none. */
  readonly matchedBlock: number;
  /** Prompt tokens that its cache should hold, and tokens that this request alone would keep there. */
  readonly cachedTokens: number;
  readonly newTokens: number;
  /** What its cache has room for, tokens, and the share of it that was used lately. */
  readonly kvTokens: number;
  readonly warmShare: number;
  /** Seconds that it should take for the prompt, without a queue; undefined while the pace of its pool is unknown. */
  readonly ownSeconds: number | undefined;
  /** How much longer it takes than its pool does: 1 as long. */
  readonly slowness: number;
  /** The request's adapter is known not to be on its GPU. */
  readonly lacksAdapter: boolean;
}

/** What this router has picked before, by replica. */
export interface History {
  /** A number that grows from pick to pick; 0 for none. */
  lastPick(replica: string): number;
  /** New conversations that it has sent there lately. */
  newcomers(replica: string): number;
}

/** A replica that may be picked, for one request. */
export interface Candidate extends ReplicaState, Pick<Suitability, 'matchedBlock' | 'cachedTokens' | 'slowness'> {
  /** Of this router's `History`. */
  readonly lastPick: number;
  readonly newcomers: number;
  /** In flight, and what the engine has besides. */
  readonly load: number;
  /** Its KV cache has no room left, so that requests wait inside. */
  readonly isFull: boolean;
  /** Undefined while the pace of the pool is unknown. */
  readonly cost: Cost | undefined;
}

/** What a request costs on a replica, in predicted seconds: its own and those of others. */
export interface Cost {
  /** Until all is computed that came before. */
  readonly wait: number;
  /** For the prompt itself. */
  readonly own: number;
  /** Share of its cache that is used lately, with what the request adds. */
  readonly fill: number;
  /** Charged since it puts back what its cache holds for others who are about to use it. */
  readonly pressure: number;
  /** All together, with what it costs others. */
  readonly total: number;
}

/** What a policy decides. */
export interface Chosen {
  readonly replica: string;
  readonly reason: PickReason;
}

/** A way to choose among candidates, of which there is at least one. Pure. */
export type Policy = (asked: Asked, candidates: readonly Candidate[]) => Chosen;

/** What stays the same over all turns of a conversation; undefined if only what everybody shares is known. */
export function conversationKey({ session, prompt, continues }: Asked): bigint | undefined {
  if (session !== undefined) return hashText(session, 0n);
  const { root = 0n } = continues ?? {};
  return root === 0n ? prompt.keys[prompt.firstUserEnd] : root;
}

/** Whether it is no new conversation. */
export function goesOn({ prompt: { firstUserEnd, keys }, continues }: Asked): boolean {
  return continues !== undefined || (firstUserEnd >= 0 && keys.length > firstUserEnd + 1);
}

/**
 * Who has the conversation: a match counts only if it reaches past the first user message, since tools and system prompt
 * are everybody's.
 */
export function holderOf({ prompt: { firstUserEnd } }: Asked): (candidate: Candidate) => boolean {
  return ({ matchedBlock }) => firstUserEnd >= 0 && matchedBlock >= firstUserEnd;
}

/** For sorting: by rendezvous with a conversation, the same on every router. */
export function byWeightFor(key: bigint): (a: Candidate, b: Candidate) => number {
  const weights = new Map<string, bigint>();
  const weightOf = ({ id }: Candidate): bigint => {
    const weight = weights.get(id) ?? rendezvousWeight(id, key);
    weights.set(id, weight);
    return weight;
  };
  return (a, b) => heavierFirst(weightOf(a), weightOf(b)) || (a.id < b.id ? -1 : 1);
}

/** The first of candidates in an order, without sorting them all. */
export function firstOf(candidates: readonly Candidate[], order: (a: Candidate, b: Candidate) => number): Candidate {
  return candidates.reduce((best, one) => (order(one, best) < 0 ? one : best));
}

/** For sorting: one that has room in its cache first, then by requests. */
export function byLoad(a: Candidate, b: Candidate): number {
  return Number(a.isFull) - Number(b.isFull) || a.load - b.load;
}
