import type { Clock } from '#shared/runtime/clock.ts';
import type { Gate, Look } from './placer.ts';
import type { Grants, PeerWant, SlotWant } from './wait/grants.ts';
import type { Waiter } from './pool-line.ts';
import { aged, waitingCost } from './wait/waiting-cost.ts';

/** What is known of replicas and flows, and who shares the slots. */
export interface LateBindingParts {
  /** Seconds of prefill before that of a request that came now, of each replica of a pool that is ready. */
  readonly waits: (pool: string, now: number) => ReadonlyMap<string, number>;
  /** Work that a flow has been served lately by all routers, tokens. */
  readonly workOf: (flow: string, now: number) => number;
  readonly grants: Grants;
  readonly clock: Clock;
}

/** A prefill slot is free when no more than this is before it, seconds: the next prompt is there when it is empty. */
const freeSeconds = 0.1;
/** A prompt that takes longer than this is cold, seconds: its conversation is not in the cache any more. */
const coldSeconds = 1;
/**
 * Share of a pool's replicas that compute cold prompts at a time, at least one. Nothing goes before a prompt that an engine
 * computes: with more of them turns whose caches are hot wait for seconds, their caches are lost meanwhile, and in the end
 * all are cold. Swept 1/8, 1/4, 1/2 in virtual time, 8 replicas, 390 engineers, seeds 1 and 2: 1.7, .9 and .4 good
 * requests per second.
 */
const coldShare = 1 / 8;
/** The place where a request would go is looked at again after this, milliseconds. */
const lookAgainMs = 500;
/** Requests that one pass looks at. */
const looksMax = 32;
/** Work beside which that of a flow is seen, tokens: what few requests take makes nobody greedy. */
const leastWork = 20_000;

/** One that waits, of this router or of another one that asks it for slots. */
type Entry = { readonly cost: number; readonly score: number } & (
  | { readonly waiter: Waiter }
  | { readonly want: PeerWant }
);

/**
 * Late binding: while the replica that a request would go to has other prompts to compute, the request is held in the
 * router, where short turns and light flows can still go before it and where a better replica can still be found. A
 * request that finds a slot free goes at once.
 */
export class LateBinding {
  readonly #parts: LateBindingParts;

  constructor(parts: LateBindingParts) {
    this.#parts = parts;
  }

  /** For a request that has just come: it passes if its slot is free and nobody waits for that. */
  arrival(pool: string, aiming: ReadonlySet<Waiter>): SlotGate {
    const { grants, clock } = this.#parts;
    const now = clock.monotonic();
    const wanted = new Set(grants.wantsOf(pool, now).map(({ replica }) => replica));
    for (const { aim } of aiming) if (aim !== undefined) wanted.add(aim.look.replica);
    const colds = coldRoom(this.#parts.waits(pool, now));
    return new SlotGate(({ replica, own }) => {
      if (own > coldSeconds && colds <= 0) return false;
      if (wanted.has(replica) || !grants.mayTakeUnasked(replica, now)) return false;
      grants.took(replica, own, now);
      return true;
    });
  }

  /** Pools of which other routers want slots from this one. */
  asked(): string[] {
    return this.#parts.grants.asked(this.#parts.clock.monotonic());
  }

  /**
   * Gives free slots to those who wait, whose cost is least first. Each that may go is booked through a gate, which
   * it passes or not.
   */
  pass(pool: string, aiming: ReadonlySet<Waiter>, book: (waiter: Waiter, gate: SlotGate) => void): void {
    const { grants, clock } = this.#parts;
    const now = clock.monotonic();
    const wants = grants.wantsOf(pool, now);
    if (aiming.size + wants.length === 0) return;
    const pass = new Pass(this.#parts, pool, now);
    if (!pass.anyFree && ![...aiming].some((waiter) => isStale(waiter, now))) return;
    for (const entry of this.#inOrder(aiming, wants, now)) {
      if ('waiter' in entry) pass.look(entry.waiter, book);
      else pass.grant(entry.want);
      if (pass.looks >= looksMax) break;
    }
  }

  /** Tells who grants slots what is waiting here for them. */
  tell(pool: string, aiming: ReadonlySet<Waiter>): void {
    const { grants, clock } = this.#parts;
    const now = clock.monotonic();
    if (grants.routers() === 1) return;
    const best = new Map<string, SlotWant>();
    for (const entry of this.#inOrder(aiming, [], now)) {
      if (!('waiter' in entry) || entry.waiter.aim === undefined) continue;
      const { replica, own } = entry.waiter.aim.look;
      if (!best.has(replica)) best.set(replica, { cost: entry.cost, seconds: own, ageMs: now - entry.waiter.since });
    }
    grants.tell(pool, best, now);
  }

  /** When a request that is held has its turn, milliseconds, if every replica computes what goes before it all the time. */
  turnInMs(waiter: Waiter, aiming: ReadonlySet<Waiter>): number {
    const { waits, grants, clock } = this.#parts;
    const now = clock.monotonic();
    const booked = waits(waiter.work.pool, now);
    let before = 0;
    for (const entry of this.#inOrder(aiming, [], now)) {
      if (!('waiter' in entry) || entry.waiter === waiter) break;
      before += entry.waiter.aim?.look.own ?? 0;
    }
    const all = booked.values().reduce((sum, wait) => sum + wait, before * grants.routers());
    return (1000 * all) / Math.max(1, booked.size);
  }

  #inOrder(aiming: ReadonlySet<Waiter>, wants: readonly PeerWant[], now: number): Entry[] {
    const shareOf = this.#shares(aiming, now);
    const entries: Entry[] = wants.map((want) => ({ want, cost: want.cost, score: aged(want.cost, want.ageMs) }));
    for (const waiter of aiming) {
      const cost = waitingCost(waiter.aim?.look.own ?? 0, waiter.work.priority, shareOf(waiter.work.flow));
      entries.push({ waiter, cost, score: aged(cost, now - waiter.since) });
    }
    return entries.toSorted((a, b) => a.score - b.score);
  }

  /** Work of each flow that waits beside the mean of the others. */
  #shares(aiming: ReadonlySet<Waiter>, now: number): (flow: string) => number {
    const works = new Map<string, number>();
    for (const { work } of aiming) if (!works.has(work.flow)) works.set(work.flow, this.#parts.workOf(work.flow, now));
    const all = works.values().reduce((sum, work) => sum + work, 0);
    const others = Math.max(1, works.size - 1);
    return (flow) => {
      const own = works.get(flow) ?? 0;
      return own / Math.max(leastWork, (all - own) / others);
    };
  }
}

/** How many replicas may still get a cold prompt. */
function coldRoom(waits: ReadonlyMap<string, number>): number {
  const cold = waits
    .values()
    .filter((wait) => wait > coldSeconds)
    .toArray().length;
  return Math.max(1, Math.floor(coldShare * waits.size)) - cold;
}

function isStale({ aim }: Waiter, now: number): boolean {
  return aim !== undefined && now - aim.at >= lookAgainMs;
}

/** Opens where a slot is free and this router may take it. */
export class SlotGate implements Gate {
  /** What it was shut for. */
  shutFor: Look | undefined;
  readonly #ahead: ReadonlyMap<string, number>;
  readonly #mayTake: (look: Look) => boolean;

  constructor(mayTake: (look: Look) => boolean, ahead: ReadonlyMap<string, number> = new Map()) {
    this.#mayTake = mayTake;
    this.#ahead = ahead;
  }

  ahead(replica: string): number {
    return this.#ahead.get(replica) ?? 0;
  }

  opens(look: Look): boolean {
    const isOpen = look.wait <= freeSeconds && this.#mayTake(look);
    this.shutFor = isOpen ? undefined : look;
    return isOpen;
  }
}

/** One walk along those who wait. */
class Pass {
  looks = 0;
  readonly #parts: LateBindingParts;
  readonly #pool: string;
  readonly #now: number;
  readonly #free = new Set<string>();
  #colds: number;
  /** Seconds that are held for each replica by those before. */
  readonly #ahead = new Map<string, number>();

  constructor(parts: LateBindingParts, pool: string, now: number) {
    this.#parts = parts;
    this.#pool = pool;
    this.#now = now;
    const { grants } = parts;
    const waits = parts.waits(pool, now);
    this.#colds = coldRoom(waits);
    for (const [replica, wait] of waits) {
      if (wait > freeSeconds) grants.inUse(replica);
      else if (!grants.isKept(replica, now)) this.#free.add(replica);
    }
  }

  get anyFree(): boolean {
    return this.#free.size > 0;
  }

  look(waiter: Waiter, book: (waiter: Waiter, gate: SlotGate) => void): void {
    const { aim } = waiter;
    if (aim === undefined) return;
    const isCold = aim.look.own > coldSeconds && this.#colds <= 0;
    if ((this.#free.has(aim.look.replica) && !isCold) || isStale(waiter, this.#now)) {
      this.looks += 1;
      book(waiter, new SlotGate(({ replica, own }) => this.#take(replica, own), this.#ahead));
    }
    if (waiter.result !== undefined || waiter.aim === undefined) return;
    const { replica, own } = waiter.aim.look;
    this.#hold(replica, own * this.#parts.grants.routers());
  }

  /** Another router's request comes before all that follow. */
  grant(want: PeerWant): void {
    if (!this.#free.delete(want.replica)) return this.#hold(want.replica, want.seconds);
    this.#parts.grants.grant(this.#pool, want, this.#now);
  }

  #take(replica: string, own: number): boolean {
    const { grants } = this.#parts;
    if (!this.#free.has(replica) || (own > coldSeconds && this.#colds <= 0) || !grants.mayTake(replica, this.#now))
      return false;
    grants.took(replica, own, this.#now);
    if (own > freeSeconds) this.#free.delete(replica);
    if (own > coldSeconds) this.#colds -= 1;
    return true;
  }

  #hold(replica: string, seconds: number): void {
    this.#ahead.set(replica, (this.#ahead.get(replica) ?? 0) + seconds);
  }
}
