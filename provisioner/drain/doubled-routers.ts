interface Older {
  since: number;
  at: number;
}

/**
 * Routers of which two processes speak under one id. The one that began later counts; what the other one has in flight is
 * not known, so that its operator has to hear of it. A late word of a process that has ended is none: it has to go on
 * speaking for as long as a router may be silent. Pure.
 */
export class DoubledRouters {
  readonly #silentMs: number;
  readonly #older = new Map<string, Older>();

  constructor(silentMs: number) {
    this.#silentMs = silentMs;
  }

  /** A process spoke although a newer one of its id is known; true when by this the router has come to be doubled. */
  heard(routerId: string, monotonicMs: number): boolean {
    for (const [id, { at }] of this.#older) if (monotonicMs - at > this.#silentMs) this.#older.delete(id);
    const known = this.#older.get(routerId);
    const next = { since: known?.since ?? monotonicMs, at: monotonicMs };
    this.#older.set(routerId, next);
    return this.#lasts(next) && !(known !== undefined && this.#lasts(known));
  }

  /** The routers that are doubled now. */
  ids(monotonicMs: number): string[] {
    return [...this.#older].flatMap(([id, older]) =>
      this.#lasts(older) && monotonicMs - older.at <= this.#silentMs ? [id] : [],
    );
  }

  #lasts({ since, at }: Older): boolean {
    return at - since >= this.#silentMs;
  }
}
