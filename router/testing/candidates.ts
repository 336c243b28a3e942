import { PoolCandidate } from '../pick/policies/candidate.ts';
import type { Candidate, Suitability } from '../pick/policies/policy.ts';
import { heavierFirst, rendezvousWeight } from '../replicas/rendezvous.ts';
import { noLoad, type ReplicaSignals, type ReplicaState } from '../replicas/replica-view.ts';

/** All that a test may say of a candidate. */
export type ReplicaParts = Omit<ReplicaState, 'signals'> &
  ReplicaSignals &
  Suitability &
  Pick<Candidate, 'lastPick' | 'newcomers'>;

/** One that has nothing to do and nothing cached, in a pool of whose pace nothing is known. */
const idleReplica: ReplicaParts = {
  id: '',
  ...noLoad,
  condition: 'ready',
  doubt: 0,
  unseen: 0,
  matchedBlock: -1,
  cachedTokens: 0,
  newTokens: 0,
  kvTokens: 1_000_000,
  warmShare: 0,
  ownSeconds: undefined,
  slowness: 1,
  lacksAdapter: false,
  lastPick: 0,
  newcomers: 0,
};

/** A candidate that is an idle replica but for these parts. */
export function candidate(parts: Partial<ReplicaParts>): Candidate {
  const replica = { ...idleReplica, ...parts };
  const { lastPick, newcomers, doubt, unseen, inFlight, prefillSecondsLeft } = replica;
  const made = new PoolCandidate(replica, { lastPick: () => lastPick, newcomers: () => newcomers });
  Object.assign(made, { doubt, unseen, inFlight, prefillSecondsLeft, signals: replica });
  made.suit(replica);
  return made;
}

/** The one of these that stands first for a key. */
export function heaviest(ids: readonly string[], key: bigint): string | undefined {
  return ids.toSorted((a, b) => heavierFirst(rendezvousWeight(a, key), rendezvousWeight(b, key)))[0];
}
