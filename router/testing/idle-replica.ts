import type { Choosable } from '../pick/policies/policy.ts';
import { heavierFirst, rendezvousWeight } from '../replicas/rendezvous.ts';
import { noLoad } from '../replicas/replica-view.ts';

/** One that has nothing to do and nothing cached, in a pool of whose pace nothing is known. */
export const idleReplica: Omit<Choosable, 'id'> = {
  ...noLoad,
  condition: 'ready',
  doubt: 0,
  unseen: 0,
  matchedBlock: -1,
  cachedTokens: 0,
  newTokens: 0,
  kvTokens: 1_000_000,
  ownSeconds: undefined,
  slowness: 1,
  lacksAdapter: false,
  lastPick: 0,
  newcomers: 0,
};

/** The one of these that stands first for a key. */
export function heaviest(ids: readonly string[], key: bigint): string | undefined {
  return ids.toSorted((a, b) => heavierFirst(rendezvousWeight(a, key), rendezvousWeight(b, key)))[0];
}
