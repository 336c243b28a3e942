import { PrefixChain } from '../prefix-chain.ts';
import type { PromptPart } from '../turn.ts';

/**
 * Numbers blocks of prompts in the order in which they are met, as `hash_ids` of Mooncake traces do: an equal number says that
 * everything up to the end of the block is equal. Remembers each block.
 */
export class BlockIds {
  readonly #blockTokens: number;
  readonly #ids = new Map<number, number>();

  constructor(blockTokens: number) {
    this.#blockTokens = blockTokens;
  }

  /** How many blocks were met; what is numbered from here on has not been. */
  get met(): number {
    return this.#ids.size;
  }

  /** One per block of the prompt, the last one cut. */
  of(parts: readonly PromptPart[]): number[] {
    const chain = new PrefixChain();
    const ids: number[] = [];
    let fill = 0;
    for (const { id, tokens } of parts) {
      chain.mix(id);
      for (fill += tokens; fill >= this.#blockTokens; fill -= this.#blockTokens) ids.push(this.#next(chain));
    }
    if (fill > 0) ids.push(this.#next(chain));
    return ids;
  }

  #next(chain: PrefixChain): number {
    chain.mix(0);
    // 53 bits: as many as a number holds exactly.
    const key = (chain.high >>> 11) * 2 ** 32 + chain.low;
    const id = this.#ids.get(key) ?? this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }
}
