import type { LedgerMessage } from '../../ledger/ledger-message.ts';
import type { LedgerRow } from '../../replicas/replica-table.ts';
import { hashText } from '../../scan/hash64.ts';
import { heavierFirst, rendezvousWeight } from '../../replicas/rendezvous.ts';

/** What a router has waiting for one replica: the best of it. */
export interface SlotWant {
  /** What decides who goes first, seconds, without its age. */
  readonly cost: number;
  /** Of prefill. */
  readonly seconds: number;
  readonly ageMs: number;
}

/** What another router has waiting for a replica whose slots this one grants. */
export interface PeerWant extends SlotWant {
  readonly router: string;
  readonly replica: string;
}

/** Who shares the slots of replicas, and how they are told. */
export interface GrantsParts {
  readonly router: string;
  /** Start of this router's process. */
  readonly epoch: number;
  readonly publish: (message: LedgerMessage) => void;
  readonly channelUp: () => boolean;
  /** Other routers whose rows count. */
  readonly peers: () => readonly Pick<LedgerRow, 'router' | 'epoch'>[];
}

/** Longest time that a slot stays empty for want of a message, milliseconds. */
const holdMs = 40;
/** Wants are told again after this, and forgotten after four times of it, milliseconds. */
const repeatMs = 250;
/** A router that is silent for two beats grants nothing, milliseconds. */
const silentMs = 1000;
/** Who is heard is looked at this often, milliseconds. */
const lookEveryMs = 50;

interface Told {
  readonly seq: number;
  readonly at: number;
  readonly wants: Map<string, SlotWant>;
}

/**
 * Shares free prefill slots out between routers that have requests waiting for them. Of each replica one router at a time
 * grants: the one that is heard and has the highest rendezvous weight for the replica and its own start. The others tell
 * it the best that they have waiting, whole, so that a later message replaces an earlier one; a grant is heard by all and
 * keeps the slot for its owner for a moment. Nothing here can block: who sees a slot free and hears of no grant takes it
 * after a moment, and while the channel is down each router takes its share of the slots by itself.
 */
export class Grants {
  /** Since the start; `lost`: slots that were taken without a grant, since none had come in time. */
  readonly counts = { given: 0, received: 0, lost: 0 };
  readonly #parts: GrantsParts;
  readonly #heardAt = new Map<string, number>();
  /** By pool and router. */
  readonly #told = new Map<string, Map<string, Told>>();
  readonly #grantSeqs = new Map<string, number>();
  /** Slots that were granted to somebody, and until when they are kept. */
  readonly #kept = new Map<string, { readonly owner: string; readonly until: number }>();
  /** Slots that this router has seen free and waits for. */
  readonly #freeSince = new Map<string, number>();
  /** While the channel is down: until when this router has had its share of a replica. */
  readonly #sharedUntil = new Map<string, number>();
  readonly #sent = new Map<string, { readonly text: string; readonly at: number }>();
  /** Routers that grant, by name and start, and who grants which replica. */
  #live: ReadonlyMap<string, string> = new Map();
  readonly #granters = new Map<string, string>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #seq: number;

  constructor(parts: GrantsParts) {
    this.#parts = parts;
    // A restarted router's messages are newer than those before.
    this.#seq = parts.epoch;
  }

  hear(message: LedgerMessage, now: number): void {
    this.#heardAt.set(message.from, now);
    if (message.kind === 'want') {
      const told = this.#told.get(message.pool) ?? new Map<string, Told>();
      this.#told.set(message.pool, told);
      if (message.seq <= (told.get(message.from)?.seq ?? 0)) return;
      told.set(message.from, { seq: message.seq, at: now, wants: new Map(Object.entries(message.replicas)) });
    }
    if (message.kind !== 'grant' || message.seq <= (this.#grantSeqs.get(message.from) ?? 0)) return;
    this.#grantSeqs.set(message.from, message.seq);
    if (message.owner === this.#parts.router) this.counts.received += 1;
    this.#kept.set(message.replica, { owner: message.owner, until: now + holdMs });
  }

  /** Pools of which others want something from this router. */
  asked(now: number): string[] {
    return [...this.#told.keys()].filter((pool) => this.wantsOf(pool, now).length > 0);
  }

  /** What others have waiting for replicas of a pool that this router grants. */
  wantsOf(pool: string, now: number): PeerWant[] {
    const { router } = this.#parts;
    const all: PeerWant[] = [];
    for (const [peer, { at, wants }] of this.#told.get(pool) ?? []) {
      if (now - at > 4 * repeatMs) continue;
      for (const [replica, want] of wants)
        if (this.granterOf(replica, now) === router)
          all.push({ ...want, ageMs: want.ageMs + now - at, router: peer, replica });
    }
    return all;
  }

  /** Gives the slot to another router. */
  grant(pool: string, { router: owner, replica }: PeerWant, now: number): void {
    const { router: from, publish } = this.#parts;
    this.#told.get(pool)?.get(owner)?.wants.delete(replica);
    this.#kept.set(replica, { owner, until: now + holdMs });
    this.counts.given += 1;
    publish({ kind: 'grant', from, owner, seq: (this.#seq += 1), replica });
  }

  /** A replica's slot is in use, as the ledger says: what was seen of it before is over. */
  inUse(replica: string): void {
    this.#freeSince.delete(replica);
  }

  /** Whether a slot is kept for another router. */
  isKept(replica: string, now: number): boolean {
    const kept = this.#kept.get(replica);
    return kept !== undefined && kept.until > now && kept.owner !== this.#parts.router;
  }

  /** Whether this router may take a slot that is free and that nobody waits for, as far as it knows. */
  mayTakeUnasked(replica: string, now: number): boolean {
    return this.#parts.channelUp() ? !this.isKept(replica, now) : this.mayTake(replica, now);
  }

  /** Whether this router may take a slot that is free and that its own request is the best for. */
  mayTake(replica: string, now: number): boolean {
    const { router, channelUp } = this.#parts;
    if (!channelUp()) return now >= (this.#sharedUntil.get(replica) ?? 0);
    if (this.granterOf(replica, now) === router) return true;
    const kept = this.#kept.get(replica);
    if (kept !== undefined && kept.until > now) return kept.owner === router;
    const since = this.#freeSince.get(replica) ?? now;
    this.#freeSince.set(replica, since);
    if (now - since < holdMs) return false;
    this.counts.lost += 1;
    return true;
  }

  /** A request of this router's has taken a slot, for so many seconds of prefill. */
  took(replica: string, seconds: number, now: number): void {
    this.#freeSince.delete(replica);
    if (this.#kept.get(replica)?.owner === this.#parts.router) this.#kept.delete(replica);
    if (!this.#parts.channelUp()) this.#sharedUntil.set(replica, now + 1000 * seconds * this.routers());
  }

  /** Tells who grants the replicas of a pool what this router has waiting for them; nothing while that is as it was. */
  tell(pool: string, wants: ReadonlyMap<string, SlotWant>, now: number): void {
    const { router: from, publish } = this.#parts;
    const byGranter = new Map<string, Record<string, SlotWant>>();
    for (const [replica, want] of wants) {
      const to = this.granterOf(replica, now);
      if (to !== from) byGranter.set(to, { ...byGranter.get(to), [replica]: want });
    }
    for (const key of this.#sent.keys()) {
      const [of, to = ''] = key.split(' ');
      if (of === pool && !byGranter.has(to)) byGranter.set(to, {});
    }
    for (const [to, replicas] of byGranter) {
      const key = `${pool} ${to}`;
      const text = Object.entries(replicas)
        .map(([replica, { seconds }]) => `${replica}:${seconds}`)
        .join();
      const sent = this.#sent.get(key);
      if (sent?.text === text && now - sent.at < repeatMs) continue;
      if (text === '') this.#sent.delete(key);
      else this.#sent.set(key, { text, at: now });
      publish({ kind: 'want', from, to, seq: (this.#seq += 1), pool, replicas });
    }
  }

  /** How many routers there are, this one too. */
  routers(): number {
    return this.#parts.peers().length + 1;
  }

  /** Who grants a replica's slots. */
  granterOf(replica: string, now: number): string {
    this.#look(now);
    const known = this.#granters.get(replica);
    if (known !== undefined) return known;
    const key = hashText(replica, 0n);
    const weighed = [...this.#live].map(([id, router]) => ({ router, weight: rendezvousWeight(id, key) }));
    const [first] = weighed.toSorted((a, b) => heavierFirst(a.weight, b.weight));
    const granter = first?.router ?? this.#parts.router;
    this.#granters.set(replica, granter);
    return granter;
  }

  /** Who is heard, now and then. */
  #look(now: number): void {
    if (now - this.#lookedAt < lookEveryMs) return;
    this.#lookedAt = now;
    const { router, epoch, peers } = this.#parts;
    const heard = peers().filter((peer) => now - (this.#heardAt.get(peer.router) ?? 0) <= silentMs);
    const live = new Map([{ router, epoch }, ...heard].map((one) => [`${one.router}:${one.epoch}`, one.router]));
    if (live.size === this.#live.size && [...live.keys()].every((id) => this.#live.has(id))) return;
    this.#live = live;
    this.#granters.clear();
  }
}
