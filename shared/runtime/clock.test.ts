import { describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

describe('the clock of the machine', () => {
  it('ends a sleep with the reason of its signal', async () => {
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(systemClock.sleep(1, stop.signal)).rejects.toThrow('enough');
  });

  it('sleeps for longer than one timer can', async () => {
    const stop = new AbortController();
    const ended = vi.fn<() => void>();
    const sleeping = systemClock.sleep(30 * 24 * 60 * 60 * 1000, stop.signal).then(ended, () => {});
    await systemClock.sleep(20);
    expect(ended).not.toHaveBeenCalled();
    stop.abort();
    await sleeping;
  });
});
