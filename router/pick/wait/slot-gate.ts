import { freeSeconds } from './prefill-slots.ts';

/** What a look found of the replica that a request would go to, in predicted seconds of prefill. */
export interface Look {
  readonly replica: string;
  /** Before its own: booked there by all routers, waiting inside of the engine, and held in routers for it. */
  readonly wait: number;
  /** Its own. */
  readonly own: number;
}

/** Stands between the look at replicas and the booking: opens where a slot is free and this router may take it. */
export class SlotGate {
  /** What it was shut for: the request is held in the router. */
  shutFor: Look | undefined;
  readonly #mayTake: (look: Look) => boolean;
  readonly #ahead: ReadonlyMap<string, number>;

  /** `ahead`: seconds of prefill that are held in routers for replicas and go there first. */
  constructor(mayTake: (look: Look) => boolean, ahead: ReadonlyMap<string, number> = new Map()) {
    this.#mayTake = mayTake;
    this.#ahead = ahead;
  }

  ahead(replica: string): number {
    return this.#ahead.get(replica) ?? 0;
  }

  /** Whether it is booked now. */
  opens(look: Look): boolean {
    const isOpen = look.wait <= freeSeconds && this.#mayTake(look);
    this.shutFor = isOpen ? undefined : look;
    return isOpen;
  }
}
