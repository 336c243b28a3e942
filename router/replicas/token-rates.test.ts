import { describe, expect, test } from 'vitest';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { mediumBytes } from '../scan/block-chain.ts';
import type { PromptKeys } from '../scan/prefix-hash.ts';
import { TokenRates } from './token-rates.ts';

/** A prompt of three blocks: tools, system prompt, messages. */
function promptOf([tools, system, messages, media]: readonly [number, number, number, number]): PromptKeys {
  return {
    keys: BigUint64Array.of(1n, 2n, 3n),
    bytesUpTo: Float64Array.of(tools, tools + system, tools + system + messages + media * mediumBytes),
    toolsBytes: tools,
    systemBytes: system,
    mediaUpTo: Float64Array.of(0, 0, media),
    firstUserEnd: 2,
  };
}

const tokensOf = (rates: readonly number[], amounts: readonly number[]): number =>
  amounts.reduce((sum, amount, i) => sum + amount * (rates[i] ?? 0), 0);

/** Prompts of many shapes, counted with an error of 1 %. */
function* answers(rates: readonly number[], seed: number): Generator<[PromptKeys, number]> {
  const random = seededRandom(seed);
  for (;;) {
    const media = random() < 0.2 ? Math.ceil(random() * 3) : 0;
    const amounts = [random() * 60_000, random() * 20_000, random() * 300_000, media] as const;
    yield [promptOf(amounts), tokensOf(rates, amounts) * (0.99 + 0.02 * random())];
  }
}

describe('tokens of a prompt', () => {
  test.each([
    ['code', [0.22, 0.2, 0.31, 1500]],
    ['another language', [0.22, 0.6, 0.7, 80]],
    ['a tokenizer of bytes', [1, 1, 1, 2900]],
  ])('are learned for each kind of span and for media: %s', (_, rates) => {
    const learned = new TokenRates();
    let count = 0;
    for (const [prompt, tokens] of answers(rates, 7)) {
      learned.learn(prompt, tokens);
      if (++count === 60) break;
    }
    const [toolsAndSystem, all] = [1, 2].map((block) =>
      learned.tokensUpTo(promptOf([40_000, 10_000, 100_000, 2]), block),
    );
    const isWithin = (seen: number | undefined, right: number): void =>
      expect(Math.abs((seen ?? 0) / right - 1)).toBeLessThan(0.03);
    isWithin(toolsAndSystem, tokensOf(rates, [40_000, 10_000, 0, 0]));
    isWithin(all, tokensOf(rates, [40_000, 10_000, 100_000, 2]));
    expect(learned.tokensUpTo(promptOf([1, 1, 1, 1]), -1)).toBe(0);
  });

  test('follow an engine that has changed, and one wrong count does not turn them over', () => {
    const learned = new TokenRates();
    const isNear = (rate: number, share: number): void =>
      expect(Math.abs(learned.tokensUpTo(promptOf([0, 0, 100_000, 0]), 2) / (100_000 * rate) - 1)).toBeLessThan(share);
    for (let i = 0; i < 2000; i++) learned.learn(promptOf([0, 0, 100_000, 0]), 25_000);
    isNear(0.25, 0.01);
    learned.learn(promptOf([0, 0, 100_000, 0]), 1000);
    isNear(0.25, 0.2);
    for (let i = 0; i < 100; i++) learned.learn(promptOf([0, 0, 100_000, 0]), 40_000);
    isNear(0.4, 0.02);
    for (let i = 0; i < 500; i++) learned.learn(promptOf([0, 0, 100_000, 0]), 10_000_000);
    expect(learned.tokensUpTo(promptOf([0, 0, 1000, 0]), 2)).toBeLessThanOrEqual(2000);
  });
});
