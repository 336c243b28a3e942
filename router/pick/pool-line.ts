import type { Slot, Work } from './picker.ts';
import type { Tried } from './tried.ts';
import { HeldLine, type Held } from './wait/held-line.ts';

/** What a request waits for. */
export type Want = 'replica' | 'turn';

/** One request that waits. */
export interface Waiter extends Held {
  readonly work: Work;
  readonly tried: Tried;
  want: Want;
  /** Something has changed since it began to wait: replicas that were lost for now may be asked again. */
  again: boolean;
  /** Set when it waits no more: served, or its pool is gone, or its place is given to a flow that has fewer. */
  result: Slot | 'gone' | 'displaced' | undefined;
  aim: Held['aim'];
  wake: () => void;
}

/** Those who wait for one pool: who goes first, then flows, which take turns. Some of the latter are held. */
export class PoolLine {
  readonly #first: Waiter[] = [];
  /** In the order of turns: the flow that was served goes to the end. */
  readonly #flows = new Map<string, Waiter[]>();
  /** Since they would put others back: they take no turn. */
  readonly held = new HeldLine();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiter: Waiter): void {
    this.#size += 1;
    if (goesFirst(waiter)) return void this.#first.push(waiter);
    const { flow } = waiter.work;
    const flowing = this.#flows.get(flow);
    if (flowing === undefined) this.#flows.set(flow, [waiter]);
    else flowing.push(waiter);
  }

  /** Takes one out, if it is still in: its flow goes to the end if it was served. */
  remove(waiter: Waiter): boolean {
    const { flow } = waiter.work;
    const among = goesFirst(waiter) ? this.#first : (this.#flows.get(flow) ?? []);
    const at = among.indexOf(waiter);
    if (at < 0) return false;
    among.splice(at, 1);
    this.held.remove(waiter);
    this.#size -= 1;
    if (among === this.#first) return true;
    if (among.length === 0 || waiter.result !== undefined) this.#flows.delete(flow);
    if (among.length > 0 && waiter.result !== undefined) this.#flows.set(flow, among);
    return true;
  }

  /** Whose turn it is: everybody who goes first, then the first of the flow that waits for longest. */
  turns(): Waiter[] {
    const head = this.#head();
    return head === undefined ? [...this.#first] : [...this.#first, head];
  }

  /** What those want who stand before it; undefined if nobody does. */
  wantBefore(waiter: Waiter): Want | undefined {
    return goesFirst(waiter) ? undefined : this.#head()?.want;
  }

  /** The last of the flow that has most waiting, if it has more than this one would have with another. */
  displacedBy(flow: string): Waiter | undefined {
    let most: readonly Waiter[] = [];
    for (const waiters of this.#flows.values()) if (waiters.length > most.length) most = waiters;
    return most.length > (this.#flows.get(flow)?.length ?? 0) + 1 ? most.at(-1) : undefined;
  }

  /** Those who do not go first: one of them wants what all of them want. */
  others(): Waiter[] {
    return [...this.#flows.values()].flat();
  }

  all(): Waiter[] {
    return [...this.#first, ...this.others()];
  }

  #head(): Waiter | undefined {
    if (this.held.size === this.#size - this.#first.length) return undefined;
    for (const waiters of this.#flows.values()) {
      const head = waiters.find(({ aim }) => aim === undefined);
      if (head !== undefined) return head;
    }
    return undefined;
  }
}

/**
 * A request that was placed before does not stand in line for a second time, and a probe asks for a replica of its own:
 * others need not wait behind either.
 */
export function goesFirst({ work, tried }: Pick<Waiter, 'work' | 'tried'>): boolean {
  return !tried.none || work.only !== undefined;
}
