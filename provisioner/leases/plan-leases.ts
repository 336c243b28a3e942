import { createHash } from 'node:crypto';

/** Who holds a shard, as the bucket says; `seq` is for the compare-and-set of the next write. */
export interface ShardRow {
  shard: number;
  holder: string | null;
  seq: number;
}

/** One write: take the shard, or give it to whom it belongs. */
export type LeaseStep = { kind: 'take' | 'release'; shard: number; expectedSeq: number; reason: string };

/**
 * Pure: every shard belongs to the member with the highest rendezvous rank among those alive (Thaler and Ravishankar,
 * 1998), so that a member that comes or goes moves only its own share. A shard is taken when it is free or its holder
 * is dead, and released by its holder when it belongs to somebody else.
 */
export function planLeases(state: {
  instanceId: string;
  /** Members whose beat is fresh, this one included. */
  members: readonly string[];
  rows: readonly ShardRow[];
}): LeaseStep[] {
  const alive = new Set(state.members);
  return state.rows.flatMap(({ shard, holder, seq }): LeaseStep[] => {
    const owner = ownerOf(shard, state.members);
    const mine = holder === state.instanceId;
    if (mine && owner !== state.instanceId)
      return [{ kind: 'release', shard, expectedSeq: seq, reason: `belongs to ${owner}` }];
    if (mine || owner !== state.instanceId) return [];
    if (holder === null) return [{ kind: 'take', shard, expectedSeq: seq, reason: 'free' }];
    return alive.has(holder) ? [] : [{ kind: 'take', shard, expectedSeq: seq, reason: `${holder} is silent` }];
  });
}

/** The member that a shard belongs to. */
export function ownerOf(shard: number, members: readonly string[]): string | undefined {
  return members.toSorted((a, b) => rank(shard, b) - rank(shard, a) || (a < b ? -1 : 1))[0];
}

/** The shard of a key. */
export function shardOf(key: string, shards: number): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) % shards;
}

function rank(shard: number, member: string): number {
  return createHash('sha256').update(`${shard}:${member}`).digest().readUInt32BE(0);
}
