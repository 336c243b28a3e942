import { describe, expect, it } from 'vitest';
import { babble, openingSentence } from './babble.ts';

describe('babble', () => {
  it('says first that it is a simulator', () => {
    for (let seed = 0; seed < 50; seed += 1)
      expect(babble({ seed, maxTokens: 1000 }).tokens.join('').startsWith(openingSentence)).toBe(true);
  });

  it('is the same for the same seed and another for another', () => {
    const text = (seed: number): string => babble({ seed, maxTokens: 1000 }).tokens.join('');
    expect(text(3)).toBe(text(3));
    expect(text(3)).not.toBe(text(4));
  });

  it('ends by itself with a full stop, or at the limit', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const { tokens, finishReason } = babble({ seed, maxTokens: 60 });
      if (finishReason === 'stop') expect(tokens.at(-1)).toBe('.');
      else expect(tokens).toHaveLength(60);
    }
  });

  it('makes exactly the tokens that were asked for when it may not end', () => {
    const answer = babble({ seed: 1, maxTokens: 520, ignoreEnd: true });
    expect(answer).toMatchObject({ finishReason: 'length', stopReason: null });
    expect(answer.tokens).toHaveLength(520);
  });

  it('ends before a stop string, also one that spans tokens', () => {
    const answer = babble({ seed: 1, maxTokens: 100, stop: ['no match', 'ted mod'] });
    expect(answer.tokens.join('')).toBe('This is a simula');
    expect(answer).toMatchObject({ finishReason: 'stop', stopReason: 'ted mod' });
  });
});
