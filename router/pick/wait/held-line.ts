import { coldSeconds } from './prefill-slots.ts';
import type { SlotGate } from './slot-gate.ts';
import { aged, waitingCost, waysOf, type Priority } from './waiting-cost.ts';

/** A request that is held in its router while the replica for it computes others. Times are monotonic milliseconds. */
export interface Held {
  readonly work: { readonly flow: string; readonly priority?: Priority };
  readonly since: number;
  /** Where it would go, its seconds of prefill there, and when that was seen; undefined once it is held no more. */
  readonly aim: { readonly replica: string; readonly own: number; readonly at: number } | undefined;
  /** Looks at the replicas again, and goes to one if the gate opens. */
  readonly look: (gate: SlotGate) => void;
  /** Lets it look at what has become of it, and at its clocks. */
  readonly wake: () => void;
}

/** Where one stands: the least score goes first. */
export interface Place {
  readonly held: Held;
  readonly replica: string;
  /** Of prefill. */
  readonly seconds: number;
  /** Seconds, without its age. */
  cost: number;
  score: number;
}

/** Ages and fair shares are reckoned anew after this, milliseconds: both change over seconds. */
const reckonEveryMs = 50;
/** Work beside which that of a flow is seen, tokens: what few requests take makes nobody greedy. */
const leastWork = 20_000;

/**
 * Those who are held for one pool, in order. Whoever comes is put where it belongs; all are put in order again now and
 * then only, which takes little: ages change that order slowly, and a sort of what is nearly in order is one walk.
 */
export class HeldLine {
  readonly #places = new Map<Held, Place>();
  readonly #order: Place[] = [];
  readonly #aiming = new Map<string, number>();
  /** Requests of high priority of each flow. */
  readonly #high = new Map<string, number>();
  /** Work of each flow that is held, and all of it. */
  #works: ReadonlyMap<string, number> = new Map();
  #allWork = 0;
  #reckonedAt = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#places.size;
  }

  /** Who is held for longest. */
  get first(): Held | undefined {
    const [first] = this.#places.keys();
    return first;
  }

  /** Whether anybody is held for a replica. */
  wants(replica: string): boolean {
    return this.#aiming.has(replica);
  }

  /** Takes one in, or puts it where it belongs after its aim has changed. */
  put(held: Held, now: number): void {
    const { aim, work, since } = held;
    const known = this.#places.get(held);
    if (known !== undefined) this.#takeOut(known);
    if (aim === undefined) return void this.#places.delete(held);
    if (!this.#works.has(work.flow)) this.#reckonedAt = Number.NEGATIVE_INFINITY;
    if (work.priority === 'high') this.#addHigh(work.flow, 1);
    const cost = this.#costOf(held, aim.own);
    const place: Place = { held, replica: aim.replica, seconds: aim.own, cost, score: aged(cost, now - since) };
    this.#places.set(held, place);
    this.#order.splice(this.#firstAfter(place.score), 0, place);
    add(this.#aiming, place.replica, 1);
  }

  remove(held: Held): void {
    const place = this.#places.get(held);
    if (place === undefined) return;
    this.#places.delete(held);
    this.#takeOut(place);
  }

  /** Puts all in order if that was some time ago, and says whether it was. `workOf`: what a flow was served lately, tokens. */
  reckon(workOf: (flow: string) => number, now: number): boolean {
    if (now - this.#reckonedAt < reckonEveryMs) return false;
    this.#reckonedAt = now;
    const works = new Map<string, number>();
    for (const { work } of this.#places.keys()) if (!works.has(work.flow)) works.set(work.flow, workOf(work.flow));
    this.#works = works;
    this.#allWork = works.values().reduce((sum, work) => sum + work, 0);
    for (const place of this.#order) {
      place.cost = this.#costOf(place.held, place.seconds);
      place.score = aged(place.cost, now - place.held.since);
    }
    this.#order.sort((a, b) => a.score - b.score);
    return true;
  }

  /** All as they stand now, whatever happens to the line meanwhile. */
  inOrder(): Place[] {
    return [...this.#order];
  }

  /** The first for each replica, and the first of those with cold prompts for it. */
  heads(): Place[] {
    const [hot, cold] = [new Set<string>(), new Set<string>()];
    return this.#order.filter(({ replica, seconds }) => {
      const seen = seconds > coldSeconds ? cold : hot;
      return !seen.has(replica) && seen.add(replica);
    });
  }

  /** Seconds of prefill of those before one, and of the cold ones among them. */
  secondsBefore(held: Held): { all: number; cold: number } {
    const before = { all: 0, cold: 0 };
    for (const place of this.#order) {
      if (place.held === held) break;
      before.all += place.seconds;
      if (place.seconds > coldSeconds) before.cold += place.seconds;
    }
    return before;
  }

  #takeOut(place: Place): void {
    this.#order.splice(this.#order.indexOf(place), 1);
    add(this.#aiming, place.replica, -1);
    const { flow, priority } = place.held.work;
    if (priority === 'high') this.#addHigh(flow, -1);
  }

  #costOf({ work: { flow, priority } }: Held, own: number): number {
    return waitingCost(own, waysOf(priority, this.#high.has(flow)), this.#shareOf(flow));
  }

  /** The others of the flow cost more from its first one of high priority on, and until its last. */
  #addHigh(flow: string, by: number): void {
    const had = this.#high.has(flow);
    add(this.#high, flow, by);
    if (this.#high.has(flow) !== had) this.#reckonedAt = Number.NEGATIVE_INFINITY;
  }

  /** Work of a flow beside the mean of the others that are held. */
  #shareOf(flow: string): number {
    const own = this.#works.get(flow) ?? 0;
    const others = Math.max(1, this.#works.size - 1);
    return own / Math.max(leastWork, (this.#allWork - own) / others);
  }

  /** By halving. */
  #firstAfter(score: number): number {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle]?.score ?? Infinity) <= score) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
