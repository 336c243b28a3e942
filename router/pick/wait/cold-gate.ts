/** What a look found of the replica that a request would go to. */
export interface Look {
  /** Predicted seconds of its prefill. */
  readonly own: number;
  /** Its conversation is not in the cache any more. */
  readonly isCold: boolean;
  /** Its flow has had more than its share, and it is not brief. */
  readonly isGreedy: boolean;
  /** It puts back nothing that the replica's cache holds for others who are about to use it. */
  readonly fits: boolean;
}

/**
 * Stands between the look at replicas and the booking of one request. Of those that do not fit it is shut for greedy flows, until they have
 * had no more than others, and for cold prompts without a slot.
 */
export class ColdGate {
  /** What it was shut for: the request is held in the router. */
  shutFor: Look | undefined;
  readonly #takesSlot: (look: Look) => boolean;

  constructor(takesSlot: (look: Look) => boolean) {
    this.#takesSlot = takesSlot;
  }

  /** Whether it is booked now. */
  opens(look: Look): boolean {
    const isOpen = look.fits || (!look.isGreedy && (!look.isCold || this.#takesSlot(look)));
    this.shutFor = isOpen ? undefined : look;
    return isOpen;
  }
}
