import { expect, it } from 'vitest';
import { Observer, type Figures } from '#loadtest/record/figures.ts';
import { gapOf } from './gap.ts';

function figures({ cachedTokens, ttftMs }: { cachedTokens: number; ttftMs: number }): Figures {
  const observer = new Observer(0);
  const sizes = { outputTokens: 10, promptTokens: 1000, freshTokens: 100 };
  observer.add({ outcome: 'done', client: 'one', askedAt: 0, firstAt: ttftMs, lastAt: 1000, cachedTokens, ...sizes });
  return observer.figures(1000);
}

it.each([
  { seen: { cachedTokens: 909, ttftMs: 114 }, agrees: true },
  { seen: { cachedTokens: 891, ttftMs: 86 }, agrees: true },
  { seen: { cachedTokens: 888, ttftMs: 100 }, agrees: false },
  { seen: { cachedTokens: 900, ttftMs: 116 }, agrees: false },
  { seen: { cachedTokens: 900, ttftMs: 84 }, agrees: false },
])('$seen beside 900 cached of 1,000 tokens and 100 ms: agrees $agrees', ({ seen, agrees }) => {
  const gap = gapOf(figures({ cachedTokens: 900, ttftMs: 100 }), figures(seen));
  expect(gap.agrees).toBe(agrees);
  expect(gap.hitPoints).toBeCloseTo((seen.cachedTokens - 900) / 10);
  expect(gap.p50).toBeCloseTo(seen.ttftMs / 100 - 1);
});
