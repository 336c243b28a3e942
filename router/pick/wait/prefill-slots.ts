/** A prefill slot is free when no more than this is before it, seconds: the next prompt is there when it is empty. */
export const freeSeconds = 0.1;
/** A prompt that takes longer than this is cold, seconds: its conversation is not in the cache any more. */
export const coldSeconds = 1;
/**
 * Share of a pool's replicas that compute cold prompts at a time, at least one. Nothing goes before a prompt that an engine
 * computes: with more of them turns whose caches are hot wait for seconds, their caches are lost meanwhile, and in the end
 * all are cold. Swept 1/8, 1/4, 1/2 in virtual time, 8 replicas, 390 engineers, seeds 1 and 2: 1.7, .9 and .4 good
 * requests per second.
 */
const coldShare = 1 / 8;

/** How many of so many replicas compute cold prompts at a time. */
export function coldSlots(replicas: number): number {
  return Math.max(1, Math.floor(coldShare * replicas));
}

/** How many replicas may still get a cold prompt. `waits`: seconds of prefill that each has to compute. */
export function coldRoom(waits: ReadonlyMap<string, number>): number {
  let cold = 0;
  for (const wait of waits.values()) if (wait > coldSeconds) cold += 1;
  return coldSlots(waits.size) - cold;
}
