import { hashText } from '../scan/hash64.ts';

/**
 * Weight of a replica for a key; the heaviest is the key's first choice. Highest random weight hashing (Thaler and
 * Ravishankar, 1998): every router computes the same order from nothing but the names, and a lost replica moves only the
 * keys that it had.
 */
export function rendezvousWeight(replica: string, key: bigint): bigint {
  return hashText(replica, key);
}

/** For sorting: negative if `a` stands before `b`, which is when it is heavier. */
export function heavierFirst(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a > b ? -1 : 1;
}
