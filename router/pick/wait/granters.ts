import type { LedgerRow } from '../../replicas/replica-table.ts';
import { heavierFirst, rendezvousWeight } from '../../replicas/rendezvous.ts';
import { hashText } from '../../scan/hash64.ts';

/** Which routers there are. */
export interface GrantersParts {
  readonly router: string;
  /** Start of this router's process. */
  readonly epoch: number;
  /** Other routers whose rows count. */
  readonly peers: () => readonly Pick<LedgerRow, 'router' | 'epoch'>[];
}

/** A router that is silent for two beats grants nothing, milliseconds. */
const silentMs = 1000;
/** Who is heard is looked at this often, milliseconds. */
const lookEveryMs = 50;

/**
 * Who grants the slots of which pool: of the routers that are heard the one with the highest rendezvous weight for the pool
 * and its own start. Routers that hear different ones may disagree for a moment: then a slot is granted twice, or after a while.
 */
export class Granters {
  readonly #parts: GrantersParts;
  readonly #heardAt = new Map<string, number>();
  /** By name and start. */
  #live: ReadonlyMap<string, string> = new Map();
  readonly #known = new Map<string, string>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: GrantersParts) {
    this.#parts = parts;
  }

  heard(router: string, now: number): void {
    this.#heardAt.set(router, now);
  }

  /** How many routers there are, this one too. */
  routers(): number {
    return this.#parts.peers().length + 1;
  }

  /** Who grants a pool's slots. */
  of(pool: string, now: number): string {
    this.#look(now);
    const known = this.#known.get(pool);
    if (known !== undefined) return known;
    const key = hashText(pool, 0n);
    const weighed = [...this.#live].map(([id, router]) => ({ router, weight: rendezvousWeight(id, key) }));
    const [first] = weighed.toSorted((a, b) => heavierFirst(a.weight, b.weight));
    const granter = first?.router ?? this.#parts.router;
    this.#known.set(pool, granter);
    return granter;
  }

  /** Who is heard, now and then. */
  #look(now: number): void {
    if (now - this.#lookedAt < lookEveryMs) return;
    this.#lookedAt = now;
    for (const [peer, at] of this.#heardAt) if (now - at > silentMs) this.#heardAt.delete(peer);
    const { router, epoch, peers } = this.#parts;
    const heard = peers().filter((peer) => this.#heardAt.has(peer.router));
    const live = new Map([{ router, epoch }, ...heard].map((one) => [`${one.router}:${one.epoch}`, one.router]));
    if (live.size === this.#live.size && [...live.keys()].every((id) => this.#live.has(id))) return;
    this.#live = live;
    this.#known.clear();
  }
}
