import type { LoadRoom } from '../../replicas/replica-table.ts';
import type { ReplicaSignals, ReplicaState } from '../../replicas/replica-view.ts';
import type { Candidate, Cost, History, Suitability } from './policy.ts';

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
export const warmMost = 0.6;
const pressureSeconds = 60;
/** To load an adapter that is not on the replica's GPU, seconds: hundreds of milliseconds, and it may take another one's place. */
const adapterSeconds = 1;

/** KV use at which an engine that has requests waiting has no room for another. */
const fullKvUse = 0.97;

/** A replica of a pool as policies see it: one object, made once, and filled anew for each look and each request. */
export class PoolCandidate implements Candidate, LoadRoom {
  readonly id: string;
  readonly condition: ReplicaState['condition'];
  doubt = 0;
  inFlight = 0;
  prefillSecondsLeft = 0;
  privateContextTokens = 0;
  reservedOutputTokens = 0;
  coldPrompts = 0;
  unseen = 0;
  signals: ReplicaSignals = {};
  matchedBlock = -1;
  cachedTokens = 0;
  slowness = 1;
  cost: Cost | undefined;
  readonly #cost = { wait: 0, own: 0, fill: 0, pressure: 0, total: 0 };
  readonly #history: History;

  constructor({ id, condition }: Pick<ReplicaState, 'id' | 'condition'>, history: History) {
    this.id = id;
    this.condition = condition;
    this.#history = history;
  }

  get load(): number {
    return this.inFlight + this.unseen;
  }

  get isFull(): boolean {
    const { kvUse = 0, waiting = 0 } = this.signals;
    return kvUse >= fullKvUse && waiting > 0;
  }

  get lastPick(): number {
    return this.#history.lastPick(this.id);
  }

  get newcomers(): number {
    return this.#history.newcomers(this.id);
  }

  /** For a request. */
  suit(suitability: Suitability): void {
    const { matchedBlock, cachedTokens, slowness, ownSeconds } = suitability;
    this.matchedBlock = matchedBlock;
    this.cachedTokens = cachedTokens;
    this.slowness = slowness;
    this.cost = ownSeconds === undefined ? undefined : this.#costs(ownSeconds, suitability);
  }

  #costs(ownSeconds: number, { kvTokens, newTokens, warmShare, lacksAdapter }: Suitability): Cost {
    const cost = this.#cost;
    const { kvUse = 0 } = this.signals;
    // What no router knows of is taken to be like this one.
    cost.wait = this.prefillSecondsLeft + this.unseen * ownSeconds;
    cost.own = ownSeconds;
    const adds = newTokens / kvTokens;
    cost.fill = Math.max(warmShare, kvUse) + adds;
    cost.pressure = pressureSeconds * Math.min(adds, Math.max(0, cost.fill - warmMost));
    const all = ownSeconds + (lacksAdapter ? adapterSeconds : 0);
    cost.total = (1 + cachePrice) * all + waitShare * cost.wait + requestSeconds * this.load + cost.pressure;
    return cost;
  }
}
