import type { PrefixIndex } from '../replicas/prefix-index.ts';
import type { LedgerMessage } from './ledger-message.ts';

/** What joining routers may cost a turn of the event loop. */
export interface IndexPieceLimits {
  /** Blocks per piece of an answer. */
  readonly pieceBlocks: number;
  /** Pieces given to all others together within so many milliseconds. */
  readonly piecesMax: number;
  readonly piecesMs: number;
}

/** Gives other routers what this one knows of replicas, piece by piece, as they ask. */
export class IndexPieces {
  /** Questions that were not answered: too many at once. */
  refused = 0;
  readonly #knowledge: { router: string; index: PrefixIndex; publish: (message: LedgerMessage) => void };
  readonly #limits: IndexPieceLimits;
  #given = { since: Number.NEGATIVE_INFINITY, pieces: 0 };

  constructor(
    knowledge: { router: string; index: PrefixIndex; publish: (message: LedgerMessage) => void },
    limits: IndexPieceLimits,
  ) {
    this.#knowledge = knowledge;
    this.#limits = limits;
  }

  give({ from, replica, offset }: Extract<LedgerMessage, { kind: 'ask' }>, now: number): void {
    const { index, publish, router } = this.#knowledge;
    const { pieceBlocks, piecesMax, piecesMs } = this.#limits;
    if (now - this.#given.since >= piecesMs) this.#given = { since: now, pieces: 0 };
    if (this.#given.pieces >= piecesMax) {
      this.refused++;
      return;
    }
    this.#given.pieces += 1;
    const blocks = index.blocks(replica, { offset, count: pieceBlocks });
    publish({
      kind: 'index-piece',
      from: router,
      to: from,
      replica,
      offset,
      last: blocks.length < pieceBlocks,
      keys: BigUint64Array.from(blocks, ({ key }) => key),
      parents: BigUint64Array.from(blocks, ({ parent }) => parent),
      bytes: Uint32Array.from(blocks, ({ bytes }) => bytes),
    });
  }
}
