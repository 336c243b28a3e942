import type { Clock } from '#shared/runtime/clock.ts';
import { coldSlotOf, type Grants, type PeerWant } from './grants.ts';
import type { Held, HeldLine, Place } from './held-line.ts';
import { coldRoom, coldSeconds, freeSeconds } from './prefill-slots.ts';
import { SlotGate } from './slot-gate.ts';
import { aged } from './waiting-cost.ts';

/** What is known of replicas, and who shares their slots. */
export interface DispatchParts {
  /** Seconds of prefill before that of a request that came now, of each replica of a pool that is ready. */
  readonly waits: (pool: string, now: number) => ReadonlyMap<string, number>;
  readonly grants: Grants;
  readonly clock: Clock;
}

/** Requests that one pass looks at, and how long it goes on with that, milliseconds: more of them have the next pass. */
const [looksMax, longestMs] = [32, 0.7] as const;
/** The place where a request would go is looked at again after this, milliseconds. */
const lookAgainMs = 500;

/** One walk along those who are held for a pool, and what other routers want of it: gives free slots to the first of them. */
export class DispatchPass {
  readonly #parts: DispatchParts;
  readonly #pool: string;
  readonly #now: number;
  readonly #free = new Set<string>();
  /** Of those, the ones that somebody is held for and that this router may take. */
  readonly #open = new Set<string>();
  #colds: number;
  /** Seconds that are held for each replica by those before. */
  readonly #ahead = new Map<string, number>();
  readonly #gate = new SlotGate(({ replica, own }) => this.#take(replica, own), this.#ahead);
  #heldUpTo = 0;
  #looks = 0;

  constructor(parts: DispatchParts, pool: string, now: number) {
    this.#parts = parts;
    this.#pool = pool;
    this.#now = now;
    const { grants } = parts;
    const waits = parts.waits(pool, now);
    this.#colds = coldRoom(waits);
    for (const [replica, wait] of waits) {
      const keptFor = grants.keptFor(replica, now);
      if (wait > freeSeconds) grants.inUse(replica);
      else if (keptFor === undefined) this.#free.add(replica);
      // Its row is still to come.
      if (wait <= coldSeconds && keptFor !== undefined && keptFor > coldSeconds) this.#colds -= 1;
    }
    if (this.#colds <= 0) grants.inUse(coldSlotOf(pool));
  }

  /** `again`: those whose last look is some time ago are looked at, too, whether or not a slot is free. */
  along(line: HeldLine, wants: readonly PeerWant[], again: boolean): void {
    const { grants } = this.#parts;
    for (const replica of this.#free)
      if (line.wants(replica) && grants.mayTake(this.#pool, { replica, seconds: 0 }, this.#now))
        this.#open.add(replica);
    const asked = wants
      .map((want) => ({ want, score: aged(want.cost, want.ageMs) }))
      .toSorted((a, b) => b.score - a.score);
    const places = again || this.#isOpen() ? line.inOrder() : [];
    for (const [at, place] of places.entries()) {
      for (let next = asked.at(-1); next !== undefined && next.score <= place.score; next = asked.at(-1)) {
        this.#grant(next.want);
        asked.pop();
      }
      if (this.#mayGo(place) || (again && this.#isStale(place.held))) {
        this.#holdAll(places, at);
        this.#look(place);
        if (this.#isLong()) return;
      }
      if (!again && !this.#isOpen()) break;
    }
    for (const { want } of asked.toReversed()) this.#grant(want);
  }

  #look({ held }: Place): void {
    this.#looks += 1;
    held.look(this.#gate);
    if (held.aim !== undefined) this.#hold(held.aim.replica, held.aim.own * this.#parts.grants.routers());
    this.#heldUpTo += 1;
  }

  /** Reckons what is held before one: for those alone that are looked at. */
  #holdAll(places: readonly Place[], before: number): void {
    for (const { replica, seconds } of places.slice(this.#heldUpTo, before))
      this.#hold(replica, seconds * this.#parts.grants.routers());
    this.#heldUpTo = before;
  }

  /** Whether anybody could go. */
  #isOpen(): boolean {
    return this.#open.size > 0 || (this.#free.size > 0 && this.#colds > 0);
  }

  #mayGo({ replica, seconds }: Place): boolean {
    if (seconds <= coldSeconds) return this.#open.has(replica);
    return this.#isFree(replica, seconds) && this.#parts.grants.mayTake(this.#pool, { replica, seconds }, this.#now);
  }

  #isFree(replica: string, seconds: number): boolean {
    return this.#free.has(replica) && (seconds <= coldSeconds || this.#colds > 0);
  }

  #isStale({ aim }: Held): boolean {
    return aim !== undefined && this.#now - aim.at >= lookAgainMs;
  }

  #isLong(): boolean {
    return this.#looks >= looksMax || this.#parts.clock.monotonic() - this.#now >= longestMs;
  }

  /** Another router's request comes before all that follow. */
  #grant(want: PeerWant): void {
    if (!this.#isFree(want.replica, want.seconds)) return this.#hold(want.replica, want.seconds);
    this.#fill(want.replica);
    if (want.seconds > coldSeconds) this.#colds -= 1;
    this.#parts.grants.grant(this.#pool, want, this.#now);
  }

  #take(replica: string, own: number): boolean {
    const { grants } = this.#parts;
    const want = { replica, seconds: own };
    if (!this.#isFree(replica, own) || !grants.mayTake(this.#pool, want, this.#now)) return false;
    grants.took(this.#pool, want, this.#now);
    if (own > freeSeconds) this.#fill(replica);
    if (own > coldSeconds) this.#colds -= 1;
    return true;
  }

  #fill(replica: string): void {
    this.#free.delete(replica);
    this.#open.delete(replica);
  }

  #hold(replica: string, seconds: number): void {
    this.#ahead.set(replica, (this.#ahead.get(replica) ?? 0) + seconds);
  }
}
