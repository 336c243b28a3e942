import type { ReplicaState } from '../../replicas/replica-view.ts';
import type { Candidate, Cost, Suitability } from './policy.ts';

/**
 * What it costs to fill a cache, as a multiple of the time that filling it takes: it drops what other conversations come
 * back for, so that a match is worth more than the seconds which it saves. Chosen in virtual time, together with the two
 * figures below, among about 45 settings on one to four seeds: so few that neighbouring values may do as well.
 */
const cachePrice = 10;
/** Share of the wait that counts, and seconds of a request that is under way. */
const [waitShare, requestSeconds] = [0.3, 0.1] as const;
/**
 * Share of a cache that may be warm, and the price of all of it, seconds: what a request adds beyond puts back what others
 * compute with or will come back for. Of .5 to .9 within 10 to 60 s, by `loadtest/virtual/run.ts` with 250 and 333 engineers
 * on seeds 1 to 4: good requests at 250 engineers are 5 % more than without (3.84 for 3.67 per second).
 */
const [warmMost, pressureSeconds] = [0.6, 60] as const;
/** To load an adapter that is not on the replica's GPU, seconds: hundreds of milliseconds, and it may take another one's place. */
const adapterSeconds = 1;

/** KV use at which an engine that has requests waiting has no room for another. */
const fullKvUse = 0.97;

/** A replica as policies see it. One object, made once: there is one for every replica of every pick. */
export function candidateOf(state: ReplicaState, suitability: Suitability): Candidate {
  const { inFlight, unseen, kvUse = 0, waiting = 0 } = state;
  const { matchedBlock, cachedTokens, slowness, lastPick, newcomers } = suitability;
  return {
    ...state,
    matchedBlock,
    cachedTokens,
    slowness,
    lastPick,
    newcomers,
    load: inFlight + unseen,
    isFull: kvUse >= fullKvUse && waiting > 0,
    cost: predictCost(state, suitability),
  };
}

/** What a request costs on a replica, in predicted seconds; undefined while the pace of its pool is unknown. */
function predictCost(state: ReplicaState, suitability: Suitability): Cost | undefined {
  const { prefillSecondsLeft, inFlight, unseen, kvUse } = state;
  const { ownSeconds, kvTokens, newTokens, warmShare, lacksAdapter } = suitability;
  if (ownSeconds === undefined) return undefined;
  // What no router knows of is taken to be like this one.
  const wait = prefillSecondsLeft + unseen * ownSeconds;
  const own = ownSeconds + (lacksAdapter ? adapterSeconds : 0);
  const adds = newTokens / kvTokens;
  const beyond = Math.max(warmShare, kvUse ?? 0) + adds - warmMost;
  const pressure = pressureSeconds * Math.min(adds, Math.max(0, beyond));
  const total = (1 + cachePrice) * own + waitShare * wait + requestSeconds * (inFlight + unseen) + pressure;
  return { wait, own, pressure, total };
}
