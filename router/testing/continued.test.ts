import { describe, expect, it } from 'vitest';
import type { Slot, Work } from '../pick/picker.ts';
import type { Usage } from '../replicas/usage.ts';
import { BrainLab } from './brain-lab.ts';

/** A turn that an engine takes and keeps, and ends with this usage. */
function answer(slot: Slot, key: string, usage: Usage): void {
  using ended = slot;
  ended.accepted();
  ended.kept(key);
  ended.ended({ kind: 'answered', usage });
}
const usage = (promptTokens: number, completionTokens: number, cachedTokens = 0): Usage => ({
  promptTokens,
  completionTokens,
  cachedTokens,
});

describe('turns that go on from a kept answer', () => {
  it('are placed and credited by what was said before, at any router, and teach nothing about tokens per byte', async () => {
    const lab = new BrainLab();
    const [a, b] = [lab.start('a'), lab.start('b')];
    await lab.advance(1000);
    const first = await a.acquire(lab.work([1n, 2n, 3n, 4n]));
    answer(first, 'turn-1', usage(1000, 100));
    await lab.advance(250);
    const continues = await b.brain.keptAt('turn-1', 'p');
    expect(continues).toMatchObject({ replica: first.replica.replicaId, root: 1n, tip: 4n, bytes: 4000 });
    if (continues === undefined) throw new Error('not kept');
    const next = lab.work([9n], { continues });
    const second: Work = { ...next, prompt: { ...next.prompt, after: continues.tip } };
    const slot = await b.acquire(second);
    expect([slot.replica, slot.predictedCachedTokens]).toEqual([first.replica, 1000 + 100]);
    answer(slot, 'turn-2', usage(1350, 50, 1100));
    await lab.advance(250);
    expect(await a.brain.keptAt('turn-2', 'p')).toMatchObject({ root: 1n, tip: 9n, bytes: 4000 + 400 + 1000 });
    expect(b.hits).toEqual([[1100, 1100]]);
    expect((await a.acquire(lab.work([1n, 2n, 3n, 4n, 5n]))).predictedCachedTokens).toBeGreaterThanOrEqual(1000);
    // As the engine counted it with all that was said before; and by bytes where nothing was counted.
    expect((await b.acquire(lab.work([9n, 10n]))).predictedCachedTokens).toBe(1350 + 50);
    expect((await b.acquire(lab.work([1n, 2n, 30n]))).predictedCachedTokens).toBe(2000 / 4);
  });
});
