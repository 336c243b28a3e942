import { DispatchPass, type DispatchParts } from './dispatch-pass.ts';
import { type Held, type HeldLine } from './held-line.ts';
import { coldRoom, coldSeconds, coldSlots } from './prefill-slots.ts';
import { SlotGate } from './slot-gate.ts';

/** What is known of replicas and flows, and who shares the slots. */
export interface LateBindingParts extends DispatchParts {
  /** Work that a flow has been served lately by all routers, tokens. */
  readonly workOf: (flow: string, now: number) => number;
}

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
  arrival(pool: string, line: HeldLine | undefined): SlotGate {
    const { waits, grants, clock } = this.#parts;
    return new SlotGate(({ replica, own }) => {
      const now = clock.monotonic();
      const isCold = own > coldSeconds;
      const wants = grants.wantsOf(pool, now);
      const isWanted = wants.some((want) => want.replica === replica || (isCold && want.seconds > coldSeconds));
      if (isWanted || line?.wants(replica) === true) return false;
      if (isCold && coldRoom(waits(pool, now)) <= 0) return false;
      const want = { replica, seconds: own };
      if (!grants.mayTakeUnasked(pool, want, now)) return false;
      grants.took(pool, want, now);
      return true;
    });
  }

  /** Pools of which other routers want slots from this one. */
  asked(): string[] {
    return this.#parts.grants.asked(this.#parts.clock.monotonic());
  }

  /** Gives free slots to those who wait, and tells who grants slots what is still waiting here. */
  pass(pool: string, line: HeldLine): void {
    const { grants, clock, workOf } = this.#parts;
    const now = clock.monotonic();
    const wants = grants.wantsOf(pool, now);
    if (line.size + wants.length > 0) {
      const again = line.reckon((flow) => workOf(flow, now), now);
      new DispatchPass(this.#parts, pool, now).along(line, wants, again);
    }
    if (grants.routers() === 1) return;
    const heads = line
      .heads()
      .map(({ held, replica, cost, seconds }) => ({ replica, cost, seconds, ageMs: now - held.since }));
    grants.tell(pool, heads, now);
  }

  /**
   * When a request that is held has its turn, milliseconds, if every replica computes what goes before it all the time, and
   * the few that may compute cold prompts those before a cold one.
   */
  turnInMs(pool: string, held: Held, line: HeldLine): number {
    const { waits, grants, clock } = this.#parts;
    const booked = waits(pool, clock.monotonic());
    const before = line.secondsBefore(held);
    const routers = grants.routers();
    let [all, cold] = [before.all * routers, before.cold * routers];
    for (const wait of booked.values()) {
      all += wait;
      if (wait > coldSeconds) cold += wait;
    }
    const isCold = (held.aim?.own ?? 0) > coldSeconds;
    return 1000 * Math.max(all / Math.max(1, booked.size), isCold ? cold / coldSlots(booked.size) : 0);
  }
}
