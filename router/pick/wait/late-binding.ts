import type { Clock } from '#shared/runtime/clock.ts';
import type { ReplicaLoad } from '../../replicas/replica-view.ts';
import { ColdGate, type Look } from './cold-gate.ts';
import { coldSlots, coldSlotsLeft } from './cold-slots.ts';
import type { Grants } from './grants.ts';
import type { Held, HeldLine } from './held-line.ts';
import { aged } from './waiting-cost.ts';

/** What is known of replicas and flows, and who shares the slots. */
export interface LateBindingParts {
  /** What is under way on each replica of a pool that could take a request. */
  readonly loads: (pool: string, now: number) => readonly Pick<ReplicaLoad, 'coldPrompts' | 'prefillSecondsLeft'>[];
  /** Work that a flow has been served lately by all routers, tokens. */
  readonly workOf: (flow: string, now: number) => number;
  readonly grants: Grants;
  readonly clock: Clock;
}

/** Requests that one pass looks at, and how long it goes on with that, milliseconds: more of them have the next pass. */
const [looksMax, longestMs] = [32, 0.7] as const;
/** The place where a request would go is looked at again after this, milliseconds. */
const lookAgainMs = 500;

/**
 * Late binding: a request that would put others back is held in the router until it does not. Its prompt is cold, and the
 * cache of the replica that it would go to is full of what others compute with or will soon come back for: while it is
 * computed their turns wait, and when it is done their caches are gone. So it waits until it fits, or for one of the few
 * slots that there are for such prompts, light flows and short prompts first. All others go at once.
 */
export class LateBinding {
  readonly #parts: LateBindingParts;

  constructor(parts: LateBindingParts) {
    this.#parts = parts;
  }

  /** For a request that has just come: it takes a slot that is free and that nobody waits for. */
  arrival(pool: string, line: HeldLine | undefined): ColdGate {
    const { grants, clock } = this.#parts;
    return new ColdGate(({ own }) => {
      const now = clock.monotonic();
      const isWanted = line?.head !== undefined || grants.wantsOf(pool, now).length > 0;
      const { slots, left } = this.#slots(pool, now);
      if (isWanted || left <= 0 || !grants.mayTake(pool, now)) return false;
      grants.took(pool, own / slots, now);
      return true;
    });
  }

  /** Pools of which other routers want slots from this one, or think that it wants some. */
  asked(): string[] {
    return this.#parts.grants.asked(this.#parts.clock.monotonic());
  }

  /** Gives free slots to those who wait, here and at other routers, and tells who grants them what is still waiting here. */
  pass(pool: string, line: HeldLine): void {
    const { grants, clock, workOf } = this.#parts;
    const now = clock.monotonic();
    const { slots, left: free } = this.#slots(pool, now);
    const isReckoned = line.reckon((flow) => workOf(flow, now), now);
    const asked = grants.wantsOf(pool, now).map((want) => ({ want, score: aged(want.cost, want.ageMs) }));
    asked.sort((a, b) => a.score - b.score);
    let left = free;
    if (left <= 0) grants.inUse(pool);
    let at = 0;
    const grant = (upTo: number): void => {
      for (let next = asked[at]; next !== undefined && left > 0 && next.score <= upTo; next = asked[++at]) {
        grants.grant(pool, next.want, now);
        left -= 1;
      }
    };
    const takesSlot = ({ own }: Look): boolean => {
      if (left <= 0 || !grants.mayTake(pool, now)) return false;
      grants.took(pool, own / slots, now);
      left -= 1;
      return true;
    };
    // Who has nobody waiting for a slot asks for none.
    const mayTake = (): boolean => left > 0 && line.head !== undefined && grants.mayTake(pool, now);
    let isOpen = mayTake();
    let [looks, isCut] = [0, false];
    for (const { held, aim, score } of isReckoned || left > 0 ? line.inOrder() : []) {
      grant(score);
      if (now - aim.at >= lookAgainMs || (isOpen && !aim.isGreedy)) {
        held.look(new ColdGate(takesSlot));
        looks += 1;
        isCut = looks >= looksMax || clock.monotonic() - now >= longestMs;
        if (isCut) break;
        isOpen = mayTake();
      } else if (!isReckoned && !isOpen) break;
    }
    if (!isCut) grant(Infinity);
    const { head } = line;
    grants.tell(pool, head && { cost: head.cost, ageMs: now - head.held.since }, now);
  }

  /** When one that is held has a slot, milliseconds, if none of those before it fits meanwhile. */
  turnInMs(pool: string, held: Held, line: HeldLine): number {
    const { loads, grants, clock } = this.#parts;
    const all = loads(pool, clock.monotonic());
    let seconds = line.secondsBefore(held) * grants.routers();
    for (const { coldPrompts, prefillSecondsLeft } of all) if (coldPrompts > 0) seconds += prefillSecondsLeft;
    return (1000 * seconds) / coldSlots(all.length);
  }

  /** How many there are, and how many of them are free. */
  #slots(pool: string, now: number): { slots: number; left: number } {
    const loads = this.#parts.loads(pool, now);
    return { slots: coldSlots(loads.length), left: coldSlotsLeft(loads) - this.#parts.grants.pending(pool, now) };
  }
}
