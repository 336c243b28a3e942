import type { ReplicaLoad } from '../../replicas/replica-view.ts';

/** A prompt that takes less than this is in nobody's way, whosever it is, seconds: some 5,000 tokens that are not cached. */
export const briefSeconds = 0.1;
/** A prompt that takes longer than this is cold, seconds: its conversation is not in the cache any more. */
export const coldSeconds = 1;
/**
 * Share of a pool's replicas that may compute cold prompts at a time although their caches have no room for them, at least
 * one. Nothing goes before a prompt that an engine computes: with more of them turns whose caches are hot wait for seconds,
 * their caches are lost meanwhile, and in the end all are cold. Swept 1/8, 1/4, 1/2 in virtual time, 8 replicas, 390
 * engineers, seeds 1 and 2: 1.7, .9 and .4 good requests per second.
 */
const coldShare = 1 / 8;
/**
 * Share of a cache that may be warm with the prompt of a flow that has had more than its share: where less is used it is
 * in nobody's way.
 */
export const greedyMost = 0.2;

/** How many cold prompts a pool has under way when it begins none any more that does not fit. */
export function coldSlots(replicas: number): number {
  return Math.max(1, Math.floor(coldShare * replicas));
}

/** How many may still be begun that do not fit: those that fit take up slots, too. `loads`: of the replicas that could take one. */
export function coldSlotsLeft(loads: readonly Pick<ReplicaLoad, 'coldPrompts'>[]): number {
  return coldSlots(loads.length) - loads.reduce((sum, { coldPrompts }) => sum + coldPrompts, 0);
}
