import { IndexPieces, type IndexPieceLimits } from './index-pieces.ts';
import type { LedgerMessage } from './ledger-message.ts';
import type { PrefixIndex, PrefixNews } from '../replicas/prefix-index.ts';

/** Whose index is kept like the others'. */
export interface PrefixSyncOptions {
  readonly router: string;
  /** Start of this router: those that started before it know more. */
  readonly epoch: number;
  readonly index: PrefixIndex;
  readonly publish: (message: LedgerMessage) => void;
  /** The other routers that are there. */
  readonly peers: () => readonly { readonly router: string; readonly epoch: number }[];
  readonly limits?: Partial<PrefixSyncLimits>;
}

/** Bounds; times in milliseconds. */
export interface PrefixSyncLimits extends IndexPieceLimits {
  /** So many replicas are asked for at once. */
  readonly askingMax: number;
  /** A piece that does not come within this time is asked for again, after some tries of somebody else. */
  readonly askMs: number;
  readonly triesMax: number;
  /** The gaps of one replica are healed no more often than this. */
  readonly healMs: number;
  /** A router that has nobody to ask looks for so long. */
  readonly joinMs: number;
}

const defaults: PrefixSyncLimits = {
  pieceBlocks: 1024,
  askingMax: 4,
  askMs: 300,
  triesMax: 3,
  healMs: 1000,
  joinMs: 3000,
  piecesMax: 4,
  piecesMs: 20,
};

/** So many pieces, each longer than the longest prompts, bring nothing new where nothing more was missed. */
const fruitlessMax = 2;

/** Unknown replicas that are remembered. */
const missedMax = 512;

/** A replica whose blocks are wanted. */
interface Want {
  /** Since when; without a channel it has not begun. */
  since: number;
  /** Not asked for before. */
  dueAt: number;
  /** Who has told of blocks that are missing here: asked before others. */
  readonly sources: Set<string>;
  readonly asked: Set<string>;
  asking: { readonly peer: string; offset: number; at: number; tries: number } | undefined;
  /** Pieces in a row without news; undefined when all that others have is wanted. */
  fruitless: number | undefined;
  /** How far the one who was asked last has answered. */
  reached: { readonly peer: string; readonly offset: number } | undefined;
}

/** Since the start, for metrics. */
interface PrefixSyncCounts {
  /** News whose parent was not known here. */
  gaps: number;
  /** Routers that did not answer after all tries: another one is asked. */
  unanswered: number;
  /** Replicas whose blocks nobody gave in time: they become known with the news of their next requests. */
  givenUp: number;
  /** Unknown replicas, told of by others, that were forgotten for want of room: whoever is oldest is asked for them. */
  forgotten: number;
}

/**
 * Keeps the prefix indexes of all routers alike: tells the others what this one has changed, and takes their news. What is
 * missing (a gap in news, a replica that is new here, everything after a start) is asked of one router, the one that knows
 * of it or the oldest, and comes piece by piece, each asked for when the one before is in: nothing is broadcast, and an
 * answer cannot overrun anybody. After a silence of the channel everybody is asked for what was missed, the newest first,
 * until some pieces bring nothing new; a hello asks to be asked. Times are monotonic milliseconds.
 */
export class PrefixSync {
  readonly #counts: PrefixSyncCounts = { gaps: 0, unanswered: 0, givenUp: 0, forgotten: 0 };
  readonly #options: PrefixSyncOptions;
  readonly #limits: PrefixSyncLimits;
  readonly #wants = new Map<string, Want>();
  /** When a replica's blocks were last complete here. */
  readonly #healedAt = new Map<string, number>();
  readonly #replicas = new Set<string>();
  /** Who told of replicas that no pool names yet: pools and news come by different ways. */
  readonly #missed = new Map<string, Set<string>>();
  /** Peers that have not been heard since the channel was silent. */
  #missedFrom = new Set<string>();
  #wasUp = false;
  readonly #pieces: IndexPieces;

  constructor(options: PrefixSyncOptions) {
    this.#options = options;
    this.#limits = { ...defaults, ...options.limits };
    this.#pieces = new IndexPieces(options, this.#limits);
  }

  get counts(): PrefixSyncCounts & { readonly refused: number } {
    return { ...this.#counts, refused: this.#pieces.refused };
  }

  /** Tells the others what `PrefixIndex.insert` or `finish` has returned. */
  announce(news: PrefixNews): void {
    this.#options.publish({ kind: 'news', from: this.#options.router, news });
  }

  /** Pools have changed: of replicas that are new here all that others know is wanted. */
  setReplicas(added: readonly string[], now: number): void {
    const { index } = this.#options;
    for (const replica of added) {
      this.#replicas.add(replica);
      const want = this.#want(replica, now);
      for (const peer of this.#missed.get(replica) ?? []) want.sources.add(peer);
      this.#missed.delete(replica);
    }
    for (const known of [this.#replicas, this.#wants, this.#healedAt])
      for (const replica of known.keys()) if (!index.knows(replica)) known.delete(replica);
    this.#askWanted(now);
  }

  /** Takes a message of another router; those that do not concern prefixes are left alone. */
  hear(message: LedgerMessage, now: number): void {
    switch (message.kind) {
      case 'row':
        if (this.#missedFrom.delete(message.from)) this.#wantMissed(message.from, now);
        return this.#askWanted(now);
      case 'hello':
        this.#wantMissed(message.from, now);
        return this.#askWanted(now);
      case 'news':
        return this.#learn(message, now);
      case 'ask':
        return this.#pieces.give(message, now);
      case 'index-piece':
        return this.#take(message, now);
      case 'flows':
      case 'kept':
      case 'look':
      case 'want':
      case 'grant':
    }
  }

  /** Time has passed: asks others for what did not come. While the channel is down nothing is given up. */
  tick(now: number, isChannelUp: boolean): void {
    if (this.#wasUp && !isChannelUp) this.#missedFrom = new Set(this.#options.peers().map(({ router }) => router));
    const { index, publish, router } = this.#options;
    if (!this.#wasUp && isChannelUp && this.#replicas.values().some((replica) => index.blocksOf(replica) > 0))
      publish({ kind: 'hello', from: router });
    this.#wasUp = isChannelUp;
    for (const [replica, want] of this.#wants) {
      if (!isChannelUp) want.since = now;
      this.#retry(replica, want, now);
      if (want.asking !== undefined || this.#answerer(want) !== undefined) continue;
      if (now - want.since >= this.#limits.joinMs) {
        this.#wants.delete(replica);
        if (want.asked.size > 0) this.#counts.givenUp++;
      }
      // Whoever did not answer is asked again: a message may have been lost.
      want.asked.clear();
    }
    if (isChannelUp) this.#askWanted(now);
  }

  #retry(replica: string, want: Want, now: number): void {
    const { askMs, triesMax } = this.#limits;
    const { asking } = want;
    if (asking === undefined || now - asking.at < askMs) return;
    if (asking.tries >= triesMax) {
      this.#counts.unanswered++;
      want.reached = asking;
      return void (want.asking = undefined);
    }
    asking.tries += 1;
    asking.at = now;
    this.#ask(replica, asking);
  }

  #learn({ from, news }: Extract<LedgerMessage, { kind: 'news' }>, now: number): void {
    const { replica } = news;
    const result = this.#options.index.apply(news);
    if (result === 'unknown') return this.#miss(replica, from);
    if (result === 'applied') return;
    this.#counts.gaps++;
    const want = this.#want(replica, now);
    want.sources.add(from);
    // An answer that is under way may be past what is missing now.
    if (want.asking?.peer !== from || want.asking.offset > 0) want.asked.delete(from);
    want.fruitless = undefined;
    this.#askWanted(now);
  }

  #miss(replica: string, from: string): void {
    const missed = this.#missed.get(replica) ?? new Set();
    this.#missed.set(replica, missed.add(from));
    const [first] = this.#missed.keys();
    if (this.#missed.size > missedMax && first !== undefined && this.#missed.delete(first)) this.#counts.forgotten++;
  }

  #want(replica: string, now: number): Want {
    const known = this.#wants.get(replica);
    if (known !== undefined) return known;
    const dueAt = (this.#healedAt.get(replica) ?? Number.NEGATIVE_INFINITY) + this.#limits.healMs;
    const want: Want = {
      since: now,
      dueAt,
      sources: new Set(),
      asked: new Set(),
      asking: undefined,
      reached: undefined,
      fruitless: undefined,
    };
    this.#wants.set(replica, want);
    return want;
  }

  /** What a peer has learned since it was heard last. */
  #wantMissed(peer: string, now: number): void {
    for (const replica of this.#replicas) {
      const isNew = !this.#wants.has(replica);
      const want = this.#want(replica, now);
      want.sources.add(peer);
      want.asked.delete(peer);
      if (isNew) Object.assign(want, { dueAt: now, fruitless: 0 });
    }
  }

  #askWanted(now: number): void {
    if (this.#wants.size === 0) return;
    let asking = [...this.#wants.values()].filter((want) => want.asking !== undefined).length;
    for (const [replica, want] of this.#wants) {
      if (asking >= this.#limits.askingMax) return;
      const isDue = want.asking === undefined && want.dueAt <= now;
      const peer = isDue ? this.#answerer(want) : undefined;
      if (peer === undefined) continue;
      want.asked.add(peer);
      const offset = want.reached?.peer === peer ? want.reached.offset : 0;
      want.asking = { peer, offset, at: now, tries: 1 };
      asking += 1;
      this.#ask(replica, want.asking);
    }
  }

  /** Who told of what is missing, else the oldest of those that were here before; nobody twice. */
  #answerer({ sources, asked }: Want): string | undefined {
    const { epoch, router, peers } = this.#options;
    const older = peers()
      .filter((peer) => peer.epoch < epoch || (peer.epoch === epoch && peer.router < router))
      .toSorted((a, b) => a.epoch - b.epoch || (a.router < b.router ? -1 : 1));
    return [...sources, ...older.map((peer) => peer.router)].find((peer) => !asked.has(peer));
  }

  #ask(replica: string, { peer, offset }: { peer: string; offset: number }): void {
    this.#options.publish({ kind: 'ask', from: this.#options.router, to: peer, replica, offset });
  }

  #take(message: Extract<LedgerMessage, { kind: 'index-piece' }>, now: number): void {
    const { from, replica, offset, last, keys, parents, bytes } = message;
    const want = this.#wants.get(replica);
    if (want?.asking?.peer !== from || want.asking.offset !== offset) return;
    const blocks = Array.from(keys, (key, i) => ({ key, parent: parents[i] ?? 0n, bytes: bytes[i] ?? 0 }));
    const added = this.#options.index.adopt(replica, blocks, offset === 0);
    if (want.fruitless !== undefined) want.fruitless = added > 0 ? 0 : want.fruitless + 1;
    if (last || want.fruitless === fruitlessMax) {
      this.#wants.delete(replica);
      this.#healedAt.set(replica, now);
      // Others told meanwhile of what is missing here: they are asked in their turn.
      for (const source of want.sources.difference(want.asked)) {
        const next = this.#want(replica, now);
        next.sources.add(source);
        if (want.fruitless !== undefined) Object.assign(next, { dueAt: now, fruitless: 0 });
      }
      return this.#askWanted(now);
    }
    Object.assign(want.asking, { offset: offset + keys.length, at: now, tries: 1 });
    this.#ask(replica, want.asking);
  }
}
