import type { LedgerMessage } from '../../ledger/ledger-message.ts';
import { Granters, type GrantersParts } from './granters.ts';
import { coldSeconds } from './prefill-slots.ts';

/** What a router has waiting for one replica: the best of it. */
export interface SlotWant {
  readonly replica: string;
  /** What decides who goes first, seconds, without its age. */
  readonly cost: number;
  /** Of prefill. */
  readonly seconds: number;
  readonly ageMs: number;
}

/** What another router has waiting for a replica whose slots this one grants. */
export interface PeerWant extends SlotWant {
  readonly router: string;
}

/** Who shares the slots of replicas, and how they are told. */
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
  readonly wants: readonly SlotWant[];
}

/** A slot that was granted, for so many seconds of prefill. */
interface Kept {
  readonly owner: string;
  readonly until: number;
  readonly seconds: number;
}

/**
 * Shares free prefill slots out between routers that have requests waiting for them. A slot is a replica's; those of cold
 * prompts, of which a pool has few, are one slot of the whole pool. Of each slot one router at a time grants (`Granters`).
 * The others tell it the best that they have waiting, whole, so that a later message replaces an earlier one; a grant is
 * heard by all and keeps the slot for its owner for a moment. Nothing here can block: who sees a slot free and hears of no
 * grant takes it after a moment, and while the channel is down each router takes its share of the slots by itself.
 */
export class Grants {
  /** Since the start; `lost`: slots that were taken without a grant, since none had come in time. */
  readonly counts = { given: 0, received: 0, lost: 0 };
  readonly #parts: GrantsParts;
  readonly #granters: Granters;
  /** By pool and router. */
  readonly #told = new Map<string, Map<string, Told>>();
  readonly #granted = new Map<string, Pick<Told, 'seq' | 'at'>>();
  /** By replica. */
  readonly #kept = new Map<string, Kept>();
  /** Slots that this router waits for and sees free: since when, and when it looked last. */
  readonly #free = new Map<string, { readonly since: number; readonly seenAt: number }>();
  /** While the channel is down: until when this router has had its share of a slot. */
  readonly #sharedUntil = new Map<string, number>();
  readonly #sent = new Map<string, { readonly text: string; readonly at: number }>();
  #seq: number;

  constructor(parts: GrantsParts) {
    this.#parts = parts;
    this.#granters = new Granters(parts);
    // A restarted router's messages are newer than those before.
    this.#seq = parts.epoch;
  }

  hear(message: LedgerMessage, now: number): void {
    this.#granters.heard(message.from, now);
    if (message.kind === 'want') {
      const told = this.#told.get(message.pool) ?? new Map<string, Told>();
      this.#told.set(message.pool, told);
      if (message.seq <= (told.get(message.from)?.seq ?? 0)) return;
      told.set(message.from, { seq: message.seq, at: now, wants: message.wants });
    }
    if (message.kind !== 'grant' || message.seq <= (this.#granted.get(message.from)?.seq ?? 0)) return;
    this.#granted.set(message.from, { seq: message.seq, at: now });
    const { owner, replica, seconds } = message;
    if (owner === this.#parts.router) this.counts.received += 1;
    this.#kept.set(replica, { owner, until: now + holdMs, seconds });
  }

  /** Pools of which others want something from this router. */
  asked(now: number): string[] {
    this.#forget(now);
    return [...this.#told.keys()].filter((pool) => this.wantsOf(pool, now).length > 0);
  }

  /** What others have waiting for slots of a pool that this router grants. */
  wantsOf(pool: string, now: number): PeerWant[] {
    const { router } = this.#parts;
    const all: PeerWant[] = [];
    for (const [peer, { at, wants }] of this.#told.get(pool) ?? []) {
      if (now - at > toldMs) continue;
      for (const want of wants)
        if (this.granterOf(slotOf(pool, want), now) === router)
          all.push({ ...want, ageMs: want.ageMs + now - at, router: peer });
    }
    return all;
  }

  /** Gives the slot to another router. */
  grant(pool: string, { router: owner, replica, seconds }: PeerWant, now: number): void {
    const { router: from, publish } = this.#parts;
    const told = this.#told.get(pool);
    const known = told?.get(owner);
    // It has what it wanted: until it tells of the next it wants no more.
    const wants = known?.wants.filter((want) => want.replica !== replica || want.seconds !== seconds) ?? [];
    if (known !== undefined) told?.set(owner, { ...known, wants });
    this.#kept.set(replica, { owner, until: now + holdMs, seconds });
    this.counts.given += 1;
    publish({ kind: 'grant', from, owner, seq: (this.#seq += 1), replica, seconds });
  }

  /** A slot is in use, as the ledger says: what was seen of it before is over. */
  inUse(slot: string): void {
    this.#free.delete(slot);
  }

  /** For how many seconds of prefill a replica's slot is kept for another router; undefined if it is not. */
  keptFor(replica: string, now: number): number | undefined {
    const kept = this.#kept.get(replica);
    return kept === undefined || kept.until <= now || kept.owner === this.#parts.router ? undefined : kept.seconds;
  }

  /**
   * Whether this router may take a slot that is free and that nobody waits for, as far as it knows. For cold prompts its
   * granter is asked: others that wait for one are known there, and the question is short beside the prompt.
   */
  mayTakeUnasked(pool: string, want: Pick<SlotWant, 'replica' | 'seconds'>, now: number): boolean {
    if (!this.#parts.channelUp()) return this.mayTake(pool, want, now);
    if (this.keptFor(want.replica, now) !== undefined) return false;
    return want.seconds <= coldSeconds || this.mayTake(pool, want, now);
  }

  /** Whether this router may take a slot that is free and that its own request is the best for. */
  mayTake(pool: string, want: Pick<SlotWant, 'replica' | 'seconds'>, now: number): boolean {
    const { router, channelUp } = this.#parts;
    const { replica } = want;
    const slot = slotOf(pool, want);
    if (!channelUp()) return now >= (this.#sharedUntil.get(slot) ?? 0);
    if (this.granterOf(slot, now) === router) return true;
    const kept = this.#kept.get(replica);
    if (kept !== undefined && kept.until > now) {
      this.#free.delete(slot);
      return kept.owner === router;
    }
    const waitedMs = this.#waitedFor(slot, now);
    this.#free.set(slot, { since: now - waitedMs, seenAt: now });
    // Its granter may have nobody waiting, and so no reason to look: it is told again.
    if (waitedMs === 0) this.#sent.delete(`${pool} ${this.granterOf(slot, now)}`);
    return waitedMs >= holdMs;
  }

  /** A request of this router's has taken a slot. */
  took(pool: string, want: Pick<SlotWant, 'replica' | 'seconds'>, now: number): void {
    const { replica, seconds } = want;
    const slot = slotOf(pool, want);
    const isMine = this.#kept.get(replica)?.owner === this.#parts.router;
    if (isMine) this.#kept.delete(replica);
    else if (this.#waitedFor(slot, now) >= holdMs) this.counts.lost += 1;
    this.#free.delete(slot);
    if (!this.#parts.channelUp()) this.#sharedUntil.set(slot, now + 1000 * seconds * this.routers());
  }

  /** Tells who grants the slots of a pool what this router has waiting for them; nothing while that is as it was. */
  tell(pool: string, wants: readonly SlotWant[], now: number): void {
    const { router: from, publish } = this.#parts;
    const byGranter = Map.groupBy(wants, (want) => this.granterOf(slotOf(pool, want), now));
    byGranter.delete(from);
    for (const key of this.#sent.keys()) {
      const [of, to = ''] = key.split(' ');
      if (of === pool && !byGranter.has(to)) byGranter.set(to, []);
    }
    for (const [to, its] of byGranter) {
      const key = `${pool} ${to}`;
      const text = its.map(({ replica, seconds }) => `${replica}:${seconds}`).join();
      const sent = this.#sent.get(key);
      if (sent?.text === text && now - sent.at < repeatMs) continue;
      if (text === '') this.#sent.delete(key);
      else this.#sent.set(key, { text, at: now });
      publish({ kind: 'want', from, to, seq: (this.#seq += 1), pool, wants: its });
    }
  }

  /** What is over: routers and replicas come and go. */
  #forget(now: number): void {
    for (const [pool, told] of this.#told) {
      for (const [router, { at }] of told) if (now - at > toldMs) told.delete(router);
      if (told.size === 0) this.#told.delete(pool);
    }
    for (const [router, { at }] of this.#granted) if (now - at > toldMs) this.#granted.delete(router);
    for (const [replica, { until }] of this.#kept) if (until <= now) this.#kept.delete(replica);
    for (const [slot, { seenAt }] of this.#free) if (now - seenAt > holdMs) this.#free.delete(slot);
    for (const [slot, until] of this.#sharedUntil) if (until <= now) this.#sharedUntil.delete(slot);
  }

  /** How long this router has waited for a slot that is free. Who has not looked for a while begins anew. */
  #waitedFor(slot: string, now: number): number {
    const known = this.#free.get(slot);
    return known === undefined || now - known.seenAt > holdMs ? 0 : now - known.since;
  }

  /** How many routers there are, this one too. */
  routers(): number {
    return this.#granters.routers();
  }

  /** Who grants a slot. */
  granterOf(slot: string, now: number): string {
    return this.#granters.of(slot, now);
  }
}

/** Which slot a request takes. */
function slotOf(pool: string, { replica, seconds }: Pick<SlotWant, 'replica' | 'seconds'>): string {
  return seconds > coldSeconds ? coldSlotOf(pool) : replica;
}

/** The slot of all cold prompts of a pool. */
export function coldSlotOf(pool: string): string {
  return `cold ${pool}`;
}
