import type { ReplicaState } from '../replicas/replica-view.ts';
import { hashText } from '../scan/hash64.ts';
import type { Work } from './picker.ts';
import { heavierFirst, rendezvousWeight } from './rendezvous.ts';

/** A replica that may be picked. */
export interface Choosable extends ReplicaState {
  /** Last block of the prompt that it should hold, -1 for none. */
  readonly matchedBlock: number;
}

/**
 * - `affinity`: the replica has the conversation, and is the first by match that is not overloaded.
 * - `affinity_overloaded`: replicas have it, all overloaded; the least loaded one was taken.
 * - `session`: nobody is known to have it, yet it is no new one, or it has a name; its place is computed.
 * - `least_in_flight`: a new conversation.
 */
export type PickReason = 'affinity' | 'affinity_overloaded' | 'session' | 'least_in_flight';

/** What was seen of one candidate. */
export interface PickScore {
  readonly replica: string;
  readonly matchedBlock: number;
  readonly inFlight: number;
}

/** Which replica, and why. */
export interface PickResult {
  readonly replica: string;
  readonly reason: PickReason;
  readonly scores: readonly PickScore[];
}

interface Candidate extends PickScore {
  /** In flight, and what the engine has besides. */
  readonly load: number;
  /** Its KV cache has no room left, so that requests wait inside. */
  readonly isFull: boolean;
  /** Of its rendezvous with the conversation. */
  readonly weight: bigint;
}

type Chosen = Omit<PickResult, 'scores'>;
/** What a pick must know of a request. */
type Asked = Pick<Work, 'prompt' | 'session' | 'continues' | 'policy'>;

/** A replica with more requests than `factor` times the mean and `slack` is overloaded. */
const loadLimit = { factor: 1.25, slack: 2 } as const;
/** KV use at which an engine that has requests waiting has no room for another. */
const fullKvUse = 0.97;

/**
 * Chooses the replica for a request. Pure: the same input gives the same answer on every router.
 *
 * A match counts as affinity only if it reaches past the first user message: tools and system prompt are everybody's.
 * Who goes on from an answer goes to the replica that keeps it: no other one knows what was said.
 * With affinity: by match, then in-flight, the first that is not overloaded. Without: least in-flight, ties by longer
 * match, then by rendezvous rank. A conversation that has a name, or that goes on though nobody is known to have it,
 * goes by rendezvous with bounded load (Mirrokni, Thorup, Zadimoghaddam 2016), keyed by its name or by the chain through
 * its first user message. Load is what routers have in flight and what the engine reports beyond that; one whose KV cache
 * is full counts as overloaded while another one's is not. Replicas in doubt are left out while one with less is there.
 * Undefined when none can take it.
 */
export function pick(asked: Asked, view: readonly Choosable[], _now: number): PickResult | undefined {
  const ready = view.filter(({ condition, doubt }) => condition === 'ready' && doubt < Infinity);
  if (ready.length === 0) return undefined;

  const leastDoubt = Math.min(...ready.map(({ doubt }) => doubt));
  const key = conversationKey(asked);
  const candidates = ready
    .filter(({ doubt }) => doubt === leastDoubt)
    .map((replica) => toCandidate(replica, key ?? 0n));
  const scores = candidates.map(({ replica, matchedBlock, inFlight }) => ({ replica, matchedBlock, inFlight }));
  return { ...choose(asked, candidates, key !== undefined), scores };
}

function choose(
  { prompt, session, continues, policy }: Asked,
  candidates: readonly Candidate[],
  hasKey: boolean,
): Chosen {
  const keeper = candidates.find(({ replica }) => replica === continues?.replica);
  if (keeper !== undefined) return { replica: keeper.replica, reason: 'affinity' };
  if (policy === 'least_in_flight') return least(candidates, 'least_in_flight');
  const { firstUserEnd, keys } = prompt;
  const hasRoom = withRoom(candidates);
  const holders = candidates.filter(({ matchedBlock }) => firstUserEnd >= 0 && matchedBlock >= firstUserEnd);
  if (holders.length > 0) {
    const best = holders.toSorted(byMatch).find(hasRoom);
    return best ? { replica: best.replica, reason: 'affinity' } : least(candidates, 'affinity_overloaded');
  }
  const goesOn = continues !== undefined || (firstUserEnd >= 0 && keys.length > firstUserEnd + 1);
  if (!hasKey || !(goesOn || session !== undefined)) return least(candidates, 'least_in_flight');
  const home = candidates.toSorted(byWeight).find(hasRoom);
  return home ? { replica: home.replica, reason: 'session' } : least(candidates, 'session');
}

/** Whether a candidate is not overloaded, beside the others. */
function withRoom(candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const mean = candidates.reduce((sum, { load }) => sum + load, 0) / candidates.length;
  const limit = loadLimit.factor * mean + loadLimit.slack;
  const allFull = candidates.every(({ isFull }) => isFull);
  return ({ load, isFull }) => load <= limit && (allFull || !isFull);
}

function toCandidate(replica: Choosable, key: bigint): Candidate {
  const { id, matchedBlock, inFlight, unseen, kvUse = 0, waiting = 0 } = replica;
  return {
    replica: id,
    matchedBlock,
    inFlight,
    load: inFlight + unseen,
    isFull: kvUse >= fullKvUse && waiting > 0,
    weight: rendezvousWeight(id, key),
  };
}

/** What stays the same over all turns of a conversation; undefined if only what everybody shares is known. */
function conversationKey({ session, prompt, continues }: Asked): bigint | undefined {
  if (session !== undefined) return hashText(session, 0n);
  const { root = 0n } = continues ?? {};
  return root === 0n ? prompt.keys[prompt.firstUserEnd] : root;
}

function least(candidates: readonly Candidate[], reason: PickReason): Chosen {
  const [first] = candidates.toSorted(
    (a, b) => Number(a.isFull) - Number(b.isFull) || a.load - b.load || byMatch(a, b),
  );
  if (!first) throw new Error('a pick among no candidates');
  return { replica: first.replica, reason };
}

function byMatch(a: Candidate, b: Candidate): number {
  return b.matchedBlock - a.matchedBlock || a.load - b.load || byWeight(a, b);
}

function byWeight(a: Candidate, b: Candidate): number {
  return heavierFirst(a.weight, b.weight) || (a.replica < b.replica ? -1 : 1);
}
