import type { LedgerMessage } from './ledger-message.ts';
import type { PrefixIndex, PrefixNews } from '../replicas/prefix-index.ts';
import type { MirrorBlock } from '../replicas/prefix-mirror.ts';

export interface PrefixExchangeOptions {
  readonly router: string;
  readonly index: PrefixIndex;
  readonly publish: (message: LedgerMessage) => void;
  /** Blocks per piece of an answer. */
  readonly pieceBlocks?: number;
  /** The same gap is not asked for again before, and the same index not given again to anybody. */
  readonly askEveryMs?: number;
}

const PIECE_BLOCKS = 2048;
const ASK_EVERY_MS = 1000;
const MAX_REMEMBERED = 4096;

/**
 * Keeps the prefix indexes of all routers alike: tells the others what this one has changed, takes their news, asks the
 * sender of news for its index when its parent is unknown here, and answers such questions in pieces. Both are limited
 * in rate, so that a storm of gaps stays small. Times are monotonic milliseconds.
 */
export class PrefixExchange {
  /** News that could not be placed, for metrics. */
  gaps = 0;
  private readonly options: Required<PrefixExchangeOptions>;
  private readonly askedAt = new Map<string, number>();
  private readonly givenAt = new Map<string, number>();

  constructor(options: PrefixExchangeOptions) {
    this.options = { pieceBlocks: PIECE_BLOCKS, askEveryMs: ASK_EVERY_MS, ...options };
  }

  /** Tells the others what `PrefixIndex.insert` or `finish` has returned. */
  announce(news: PrefixNews): void {
    this.options.publish({ kind: 'news', from: this.options.router, news });
  }

  /** Takes a message of another router; those that do not concern prefixes are left alone. */
  handle(message: LedgerMessage, now: number): void {
    const { router, index } = this.options;
    switch (message.kind) {
      case 'news':
        if (index.apply(message.news) === 'applied') return;
        this.gaps++;
        return this.ask(message.from, message.news.replica, now);
      case 'ask':
        if (message.to === router) this.give(message.from, message.replica, now);
        return;
      case 'index-piece':
        if (message.to === router) index.adopt(message.replica, rowsOf(message));
        return;
      case 'row':
      case 'hello':
    }
  }

  /** Asks a peer for all that it knows of a replica, for a router that has just started. */
  ask(peer: string, replica: string, now: number): void {
    if (!this.isDue(this.askedAt, `${peer}/${replica}`, now)) return;
    this.options.publish({ kind: 'ask', from: this.options.router, to: peer, replica });
  }

  private give(peer: string, replica: string, now: number): void {
    if (!this.isDue(this.givenAt, `${peer}/${replica}`, now)) return;
    const { index, pieceBlocks, publish, router } = this.options;
    const blocks = index.blocks(replica);
    const pieces = Math.ceil(blocks.length / pieceBlocks);
    for (let piece = 0; piece < pieces; piece++) {
      const part = blocks.slice(piece * pieceBlocks, (piece + 1) * pieceBlocks);
      publish({
        kind: 'index-piece',
        from: router,
        to: peer,
        replica,
        piece,
        pieces,
        keys: BigUint64Array.from(part, ({ key }) => key),
        parents: BigUint64Array.from(part, ({ parent }) => parent),
        bytes: Uint32Array.from(part, ({ bytes }) => bytes),
      });
    }
  }

  private isDue(times: Map<string, number>, what: string, now: number): boolean {
    if (now - (times.get(what) ?? -Infinity) < this.options.askEveryMs) return false;
    times.delete(what);
    times.set(what, now);
    const [oldest] = times.keys();
    if (times.size > MAX_REMEMBERED && oldest !== undefined) times.delete(oldest);
    return true;
  }
}

function rowsOf({ keys, parents, bytes }: Extract<LedgerMessage, { kind: 'index-piece' }>): MirrorBlock[] {
  return Array.from(keys, (key, i) => ({ key, parent: parents[i] ?? 0n, bytes: bytes[i] ?? 0 }));
}
