import { FairLine } from './fair-line.ts';
import type { Source } from './intake.ts';
import { onceInNextTurn, type NextTurn } from './next-turn.ts';

/** So many requests in one turn are a crowd: each takes 0.1 to 0.3 ms from the read of its head to the wait for its body. */
const crowdCost = 16;
/** What a turn takes on while others wait; twice as much for each second that its first one has waited. */
const turnCost = 4;
/** A body in chunks may have ten thousand of them behind its head, in the same read: 13 ms, which nothing can divide. */
export const chunkedCost = crowdCost;
/** Most that begin to be heard in one turn: pausing one takes 0.5 µs, and hearing it again 2. */
const heardMax = 256;

/**
 * Requests that one turn of the event loop takes on. A connection that rests may bring one at any time, a thousand of them in
 * the same turn, and nobody knows of one before it is read. So once a turn has brought a crowd, all that rest are told to
 * wait, in a line of their own, endpoints by turns; libuv passes over those that it has already found readable. In the
 * next turns some are heard again, twice as many each time, since most have nothing to say; where they have, those of them that
 * are beyond the turn's share wait once more, and the next turn hears half as many. The longer they wait, the more a turn takes
 * on: the time in which a client has to send its head goes on meanwhile.
 */
export class Arrivals {
  readonly #held: () => void;
  readonly #schedule: () => void;
  readonly #now: () => number;
  /** They may bring something, and can be told to wait. */
  readonly #resting = new Set<Source>();
  readonly #line = new FairLine<Source>();
  /** Since when each waits that has not been heard to its end. */
  readonly #since = new Map<Source, number>();
  /** Those that are heard from this turn on, but for the first: that is heard for sure, and so each is at some time. */
  readonly #heard = new Set<Source>();
  #first: Source | undefined;
  #heardCount = turnCost;
  /** What this turn has taken on, and may. */
  #cost = 0;
  #share = turnCost;

  /** `held` is called for each turn that had its share; `now`: monotonic milliseconds. */
  constructor(outside: { held: () => void; nextTurn: NextTurn; now: () => number }) {
    this.#held = outside.held;
    this.#schedule = onceInNextTurn(outside.nextTurn, () => this.#turn());
    this.#now = outside.now;
  }

  /** Those that are not heard until it is their turn. */
  get waiting(): number {
    return this.#line.size;
  }

  /** From now on it may bring a request; while others wait it waits behind them. */
  rests(source: Source): void {
    if (this.#line.size > 0) this.#wait(source);
    else this.#resting.add(source);
  }

  /** It brought one, and is heard until it rests again. */
  arrived(source: Source, cost = 1): void {
    this.leave(source);
    this.#cost += cost;
    this.#schedule();
    if (this.#cost >= this.#share) this.#hold(this.#heard);
    if (this.#cost >= Math.max(crowdCost, this.#share)) this.#hold(this.#resting);
  }

  /** It has ended. */
  leave(source: Source): void {
    this.#since.delete(source);
    if (this.#first === source) this.#first = undefined;
    if (this.#resting.delete(source) || this.#heard.delete(source)) return;
    this.#line.delete(source.owner, source);
  }

  #hold(sources: Set<Source>): void {
    if (sources.size === 0) return;
    for (const source of sources) this.#wait(source);
    sources.clear();
    this.#held();
  }

  #wait(source: Source): void {
    source.pause();
    this.#line.add(source.owner, source);
    if (!this.#since.has(source)) this.#since.set(source, this.#now());
  }

  #turn(): void {
    if (this.#first !== undefined) this.#heard.add(this.#first);
    for (const source of this.#heard) {
      this.#since.delete(source);
      this.#resting.add(source);
    }
    this.#heard.clear();
    const count = this.#cost < this.#share ? 2 * this.#heardCount : Math.floor(this.#heardCount / 2);
    this.#heardCount = Math.min(heardMax, Math.max(1, count));
    this.#cost = 0;
    this.#first = this.#hear();
    this.#share = this.#shareFor(this.#first);
    for (let more = this.#heardCount - 1; more > 0; more -= 1) {
      const source = this.#hear();
      if (source === undefined) break;
      this.#heard.add(source);
    }
    if (this.#line.size > 0) this.#schedule();
    else this.#heardCount = turnCost;
  }

  #shareFor(first: Source | undefined): number {
    const since = first && this.#since.get(first);
    if (since === undefined) return turnCost;
    return Math.min(heardMax, turnCost * 2 ** Math.floor((this.#now() - since) / 1000));
  }

  #hear(): Source | undefined {
    const source = this.#line.next();
    source?.resume();
    return source;
  }
}
