import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { renderError } from './error-reply.ts';
import { RateLimits } from './rate-limits.ts';

function start(perHour: number, perMinute: number) {
  const clock = createTestClock();
  const refused = new Counter({ name: 'refused', help: '-', labelNames: ['what'], registers: [new Registry()] });
  const limits = new RateLimits({ perHour, perMinute, clock, refused });
  const take = (tokenId = 'a') => limits.take(tokenId);
  return { clock, take, refused };
}

describe('the rate limits of an API token', () => {
  it('count down, each token for itself, and say when the oldest request stops counting', async () => {
    const { clock, take } = start(5, 5);
    const from = clock.now();
    expect(take().state).toMatchObject({ limit: 5, remaining: 4 });
    await clock.advance(10 * 60_000);
    const { state } = take();
    expect(state.remaining).toBe(3);
    expect(Math.abs(state.resetAt * 1000 - from - 3_600_000)).toBeLessThanOrEqual(61_000);
    expect(take('b').state.remaining).toBe(4);
  });

  it('refuse a burst with the time to wait, and let the next in after it', async () => {
    const { clock, take, refused } = start(100, 3);
    for (let index = 0; index < 3; index += 1) expect(take().refusal).toBeNull();
    const { refusal } = take();
    expect(refusal?.code).toBe('too_many_requests');
    const waitMs = refusal?.retryAfterMs ?? 0;
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(60_000);
    await clock.advance(waitMs);
    expect(take().refusal).toBeNull();
    expect((await refused.get()).values).toMatchObject([{ labels: { what: 'burst_rate' }, value: 1 }]);
  });

  it('refuse what is over in an hour without a time to wait, as DigitalOcean does', async () => {
    const { clock, take } = start(60, 60);
    for (let index = 0; index < 60; index += 1) {
      expect(take().refusal).toBeNull();
      await clock.advance(10_000);
    }
    const { state, refusal } = take();
    expect([state.remaining, refusal?.code]).toEqual([0, 'too_many_requests']);
    expect(refusal && renderError(refusal, 'r').headers).toEqual({});
    await clock.advance(state.resetAt * 1000 - clock.now());
    expect(take().refusal).toBeNull();
  });

  it('forget an hour that has passed', async () => {
    const { clock, take } = start(5, 5);
    for (let index = 0; index < 5; index += 1) take();
    await clock.advance(3 * 3_600_000);
    expect(take().state.remaining).toBe(4);
  });
});
