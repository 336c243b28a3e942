import { littleWork } from '../../replicas/flow-work.ts';
import type { ColdGate, Look } from './cold-gate.ts';
import { aged, waitingCost, waysOf, type Priority } from './waiting-cost.ts';

/** What was seen where a request would go, and when. */
export interface Aim extends Look {
  readonly at: number;
}

/** A request that is held in its router since it would put others back. Times are monotonic milliseconds. */
export interface Held {
  readonly work: { readonly flow: string; readonly priority?: Priority };
  readonly since: number;
  /** What it is held for; undefined for one that is not held. */
  readonly aim: Aim | undefined;
  /** Looks at the replicas again, and goes to one if the gate opens. */
  readonly look: (gate: ColdGate) => void;
  /** Lets it look at what has become of it, and at its clocks. */
  readonly wake: () => void;
}

/** Where one stands: the least score goes first. */
export interface Place {
  readonly held: Held;
  readonly aim: Aim;
  /** Seconds, without its age. */
  cost: number;
  score: number;
}

/** Ages and fair shares are reckoned anew after this, milliseconds: both change over seconds. */
const reckonEveryMs = 50;

/**
 * Those who are held for one pool, in order. Whoever comes is put where it belongs; all are put in order again now and
 * then only, which takes little: ages change that order slowly, and a sort of what is nearly in order is one walk.
 */
export class HeldLine {
  readonly #places = new Map<Held, Place>();
  readonly #order: Place[] = [];
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

  /** Who has the next slot; greedy ones have none. */
  get head(): Place | undefined {
    return this.#order.find(({ aim }) => !aim.isGreedy);
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
    const place: Place = { held, aim, cost, score: aged(cost, now - since) };
    this.#places.set(held, place);
    this.#order.splice(this.#firstAfter(place.score), 0, place);
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
      place.cost = this.#costOf(place.held, place.aim.own);
      place.score = aged(place.cost, now - place.held.since);
    }
    this.#order.sort((a, b) => a.score - b.score);
    return true;
  }

  /** All as they stand now, whatever happens to the line meanwhile. */
  inOrder(): Place[] {
    return [...this.#order];
  }

  /** Seconds of prefill of those who have slots before one. */
  secondsBefore(held: Held): number {
    let before = 0;
    for (const place of this.#order) {
      if (place.held === held) break;
      if (!place.aim.isGreedy) before += place.aim.own;
    }
    return before;
  }

  #takeOut(place: Place): void {
    this.#order.splice(this.#order.indexOf(place), 1);
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
    return own / Math.max(littleWork, (this.#allWork - own) / others);
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
