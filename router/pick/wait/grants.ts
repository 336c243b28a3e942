import type { LedgerMessage } from '../../ledger/ledger-message.ts';
import { Granters, type GrantersParts } from './granters.ts';

/** The first that a router has waiting for a slot of a pool. */
export interface SlotWant {
  /** What decides who goes first, seconds, without its age. */
  readonly cost: number;
  readonly ageMs: number;
}

/** What another router has waiting for a slot of a pool that this one grants. */
export interface PeerWant extends SlotWant {
  readonly router: string;
}

/** Who shares the slots of pools, and how they are told. */
export interface GrantsParts extends GrantersParts {
  readonly publish: (message: LedgerMessage) => void;
  readonly channelUp: () => boolean;
}

/** Longest time that a slot stays empty for want of a message, milliseconds. */
const holdMs = 40;
/** Wants are told again after this, and forgotten when that has not come for four times, milliseconds. */
const [repeatMs, toldMs] = [250, 1000] as const;

interface Told {
  readonly seq: number;
  readonly at: number;
  readonly want: SlotWant | undefined;
}

/**
 * Shares the slots of cold prompts out between routers that have some waiting. Of each pool one router at a time grants
 * (`Granters`). The others tell it the first that they have waiting, so that a later message replaces an earlier one; a
 * grant is heard by all and keeps the slot for its owner for a moment. Nothing here can block: who sees a slot free and
 * hears of no grant takes it after a moment, and while the channel is down each router takes its share of them by itself.
 */
export class Grants {
  /** Since the start; `lost`: slots that were taken without a grant, since none had come in time. */
  readonly counts = { given: 0, received: 0, lost: 0 };
  readonly #parts: GrantsParts;
  readonly #granters: Granters;
  /** By pool and router. */
  readonly #told = new Map<string, Map<string, Told>>();
  /** The last grant of each router. */
  readonly #heard = new Map<string, Pick<Told, 'seq' | 'at'>>();
  /** Slots of each pool that were granted and should be taken before so long. */
  readonly #granted = new Map<string, { readonly owner: string; readonly until: number }[]>();
  /** Pools of which this router waits for a slot and sees one free: since when, and when it looked last. */
  readonly #free = new Map<string, { readonly since: number; readonly seenAt: number }>();
  /** While the channel is down: until when this router has had its share. */
  readonly #sharedUntil = new Map<string, number>();
  readonly #sent = new Map<string, { readonly to: string; readonly cost: number; readonly at: number }>();
  #seq: number;

  constructor(parts: GrantsParts) {
    this.#parts = parts;
    this.#granters = new Granters(parts);
    // A restarted router's messages are newer than those before.
    this.#seq = parts.epoch;
  }

  hear(message: LedgerMessage, now: number): void {
    this.#granters.heard(message.from, now);
    if (message.kind !== 'want' && message.kind !== 'grant') return;
    // Also what a router said whose clock has gone back since, so that all that it says now looks older.
    this.#forget(now);
    if (message.kind === 'want') {
      const told = this.#told.get(message.pool) ?? new Map<string, Told>();
      this.#told.set(message.pool, told);
      const { from, seq, want } = message;
      if (seq > (told.get(from)?.seq ?? 0)) told.set(from, { seq, at: now, want });
      return;
    }
    if (message.seq <= (this.#heard.get(message.from)?.seq ?? 0)) return;
    this.#heard.set(message.from, { seq: message.seq, at: now });
    if (message.owner === this.#parts.router) this.counts.received += 1;
    this.#keep(message.pool, message.owner, now);
  }

  /** Pools of which others want slots from this router, or were told of one that waits here. */
  asked(now: number): string[] {
    return [...[...this.#told.keys()].filter((pool) => this.wantsOf(pool, now).length > 0), ...this.#sent.keys()];
  }

  /** What others have waiting for slots of a pool, if this router grants them. */
  wantsOf(pool: string, now: number): PeerWant[] {
    const all: PeerWant[] = [];
    for (const [router, { at, want }] of this.#told.get(pool) ?? [])
      if (want !== undefined && now - at <= toldMs) all.push({ cost: want.cost, ageMs: want.ageMs + now - at, router });
    return all.length > 0 && this.granterOf(pool, now) === this.#parts.router ? all : [];
  }

  /** Gives a slot to another router. */
  grant(pool: string, { router: owner }: PeerWant, now: number): void {
    const { router: from, publish } = this.#parts;
    const told = this.#told.get(pool);
    const known = told?.get(owner);
    // It has what it wanted: until it tells of the next it wants no more.
    if (known !== undefined) told?.set(owner, { ...known, want: undefined });
    this.#keep(pool, owner, now);
    this.counts.given += 1;
    publish({ kind: 'grant', from, owner, seq: (this.#seq += 1), pool });
  }

  /** No slot is free, as the ledger says: what was seen before is over. */
  inUse(pool: string): void {
    this.#free.delete(pool);
  }

  /** Slots that others were granted a moment ago: their rows are still to come. */
  pending(pool: string, now: number): number {
    return this.#kept(pool, now).filter(({ owner }) => owner !== this.#parts.router).length;
  }

  /** Whether this router may take a slot that is free and that its own request is the first for, as far as it knows. */
  mayTake(pool: string, now: number): boolean {
    const { router, channelUp } = this.#parts;
    if (!channelUp()) return now >= (this.#sharedUntil.get(pool) ?? 0);
    if (this.granterOf(pool, now) === router) return true;
    if (this.#kept(pool, now).some(({ owner }) => owner === router)) return true;
    const waitedMs = this.#waitedMs(pool, now);
    this.#free.set(pool, { since: now - waitedMs, seenAt: now });
    // Its granter may have nobody waiting, and so no reason to look: it is told again.
    if (waitedMs === 0) this.#sent.delete(pool);
    return waitedMs >= holdMs;
  }

  /** A request of this router's has taken a slot: so many seconds of all slots that the pool has. */
  took(pool: string, seconds: number, now: number): void {
    const kept = this.#kept(pool, now);
    const mine = kept.findIndex(({ owner }) => owner === this.#parts.router);
    if (mine >= 0) kept.splice(mine, 1);
    else if (this.#waitedMs(pool, now) >= holdMs) this.counts.lost += 1;
    this.#free.delete(pool);
    if (!this.#parts.channelUp()) this.#sharedUntil.set(pool, now + 1000 * seconds * this.routers());
  }

  /** Tells who grants a pool's slots what is the first that waits here for one; nothing while that is as it was. */
  tell(pool: string, want: SlotWant | undefined, now: number): void {
    const { router: from, publish } = this.#parts;
    const sent = this.#sent.get(pool);
    if (want === undefined && sent === undefined) return;
    const to = this.granterOf(pool, now);
    if (sent?.to === to && sent.cost === want?.cost && now - sent.at < repeatMs) return;
    if (want === undefined) this.#sent.delete(pool);
    else this.#sent.set(pool, { to, cost: want.cost, at: now });
    if (to !== from) publish({ kind: 'want', from, to, seq: (this.#seq += 1), pool, ...(want && { want }) });
  }

  /** How many routers there are, this one too. */
  routers(): number {
    return this.#granters.routers();
  }

  /** Who grants a pool's slots. */
  granterOf(pool: string, now: number): string {
    return this.#granters.of(pool, now);
  }

  /** What is over: routers and pools come and go. */
  #forget(now: number): void {
    for (const [pool, told] of this.#told) {
      for (const [router, { at }] of told) if (now - at > toldMs) told.delete(router);
      if (told.size === 0) this.#told.delete(pool);
    }
    for (const [router, { at }] of this.#heard) if (now - at > toldMs) this.#heard.delete(router);
    for (const pool of this.#granted.keys()) this.#kept(pool, now);
    for (const [pool, { seenAt }] of this.#free) if (now - seenAt > holdMs) this.#free.delete(pool);
    for (const [pool, until] of this.#sharedUntil) if (until <= now) this.#sharedUntil.delete(pool);
  }

  #keep(pool: string, owner: string, now: number): void {
    this.#granted.set(pool, [...this.#kept(pool, now), { owner, until: now + holdMs }]);
  }

  #kept(pool: string, now: number): { readonly owner: string; readonly until: number }[] {
    const kept = (this.#granted.get(pool) ?? []).filter(({ until }) => until > now);
    if (kept.length > 0) this.#granted.set(pool, kept);
    else this.#granted.delete(pool);
    return kept;
  }

  /** How long a slot is free that this router waits for. Who has not looked for a while begins anew. */
  #waitedMs(pool: string, now: number): number {
    const { since, seenAt } = this.#free.get(pool) ?? { since: now, seenAt: now };
    return now - seenAt > holdMs ? 0 : now - since;
  }
}
