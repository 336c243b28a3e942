/** How conversations go. */
export interface TalkRules {
  /** Tokens of reasoning in each answer. */
  readonly reasoning: number;
  /** Of earlier answers' reasoning the template keeps: all, that of the steps since the last question, or none. */
  readonly keeps: 'all' | 'steps' | 'none';
}

interface Piece {
  readonly id: number;
  readonly tokens: number;
  readonly bytes: number;
  readonly isReasoning: boolean;
  readonly isQuestion: boolean;
}

/** One request, as the router and as the engine see it. */
export interface Turn {
  readonly keys: BigUint64Array;
  readonly bytesUpTo: Float64Array;
  readonly firstUserEnd: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Chained hashes of the engine's whole blocks, output included. */
  readonly blocks: number[];
}

/** Tokens of an engine's block, and prompt bytes of a router's at most. */
export const [blockTokens, blockBytes] = [16, 1024] as const;
const [systemTokens, contextMax] = [18_000, 130_000] as const;
const system: Piece = { id: 1, tokens: systemTokens, bytes: 4.2 * systemTokens, isReasoning: false, isQuestion: false };

/** An engineer's conversation with a coding agent: steps of tools, seconds apart, and questions, minutes apart. */
export class Talk {
  readonly #rules: TalkRules;
  readonly #random: () => number;
  #pieces: Piece[] = [];
  #ids: number;
  #isQuestionNext = true;

  constructor(rules: TalkRules, random: () => number) {
    this.#rules = rules;
    this.#random = random;
    this.#ids = 2 + Math.floor(random() * 2 ** 40) * 1000;
    this.#begin();
  }

  /** Until the next turn. */
  pauseMs(): number {
    this.#isQuestionNext = this.#random() < 0.15;
    return -Math.log(1 - this.#random()) * (this.#isQuestionNext ? 150_000 : 6000);
  }

  next(): Turn {
    const outputs = [
      this.#piece(Math.round(this.#rules.reasoning * (0.5 + this.#random())), { isReasoning: true }),
      this.#piece(50 + Math.round(700 * this.#random() ** 2)),
    ].filter(({ tokens }) => tokens > 0);
    const outputTokens = outputs.reduce((sum, { tokens }) => sum + tokens, 0);
    if (this.#pieces.reduce((sum, { tokens }) => sum + tokens, outputTokens) > contextMax) this.#begin();
    else if (this.#pieces.length > 2)
      this.#pieces.push(
        this.#piece(100 + Math.round(2500 * this.#random() ** 2), { isQuestion: this.#isQuestionNext }),
      );
    const rendered = this.#rendered();
    const promptTokens = rendered.reduce((sum, { tokens }) => sum + tokens, 0);
    const turn = { ...keysOf(this.#pieces), promptTokens, outputTokens, blocks: blocksOf([...rendered, ...outputs]) };
    this.#pieces.push(...outputs);
    return turn;
  }

  #begin(): void {
    this.#isQuestionNext = true;
    this.#pieces = [system, this.#piece(15_000 + Math.round(60_000 * this.#random()), { isQuestion: true })];
  }

  #piece(tokens: number, kind: Partial<Pick<Piece, 'isReasoning' | 'isQuestion'>> = {}): Piece {
    const bytes = Math.round(tokens * (3.4 + 1.6 * this.#random()));
    return { id: this.#ids++, tokens, bytes, isReasoning: false, isQuestion: false, ...kind };
  }

  #rendered(): Piece[] {
    const { keeps } = this.#rules;
    const lastQuestion = this.#pieces.findLastIndex(({ isQuestion }) => isQuestion);
    return this.#pieces.filter(
      ({ isReasoning }, at) => !isReasoning || keeps === 'all' || (keeps === 'steps' && at > lastQuestion),
    );
  }
}

/** Blocks are cut at every piece. */
function keysOf(pieces: readonly Piece[]): Pick<Turn, 'keys' | 'bytesUpTo' | 'firstUserEnd'> {
  const keys: bigint[] = [];
  const ends: number[] = [];
  let [key, bytes, firstUserEnd] = [7n, 0, -1];
  for (const piece of pieces) {
    for (let at = 0; at < piece.bytes; at += blockBytes) {
      bytes += Math.min(blockBytes, piece.bytes - at);
      key = BigInt.asUintN(64, (key ^ BigInt(piece.id)) * 0x9e37_79b9_7f4a_7c15n + BigInt(at));
      keys.push(key);
      ends.push(bytes);
    }
    if (piece.isQuestion && firstUserEnd < 0) firstUserEnd = keys.length - 1;
  }
  return { keys: BigUint64Array.from(keys), bytesUpTo: Float64Array.from(ends), firstUserEnd };
}

function blocksOf(pieces: readonly Piece[]): number[] {
  const blocks: number[] = [];
  let [low, high, fill] = [1, 2, 0];
  for (const { id, tokens } of pieces) {
    for (let at = 0; at < tokens;) {
      const taken = Math.min(blockTokens - fill, tokens - at);
      low = Math.imul(low ^ (id >>> 0), 0x85eb_ca6b) ^ Math.imul(at + taken, 0x9e37_79b9);
      high = Math.imul(high ^ low ^ (id / 2 ** 32), 0xc2b2_ae35) + (low >>> 15);
      at += taken;
      fill = (fill + taken) % blockTokens;
      if (fill === 0) blocks.push((high & 0x1f_ffff) * 2 ** 32 + (low >>> 0));
    }
  }
  return blocks;
}
