import { expect, it } from 'vitest';
import { presets } from '#loadtest/sim/engine/presets.ts';
import { Tried } from '../../../router/pick/tried.ts';
import { poolOf } from '../virtual-pool.ts';
import { Rival } from './rival.ts';

it('a request that a replica has lost goes to another one, and is refused when none is left', async () => {
  const { replicas } = poolOf(2, presets['30b-a3b-h200']);
  const rival = new Rival({ rule: (_work, [first]) => first?.id, replicas, signalsOf: () => ({}) });
  const prompt = { keys: BigUint64Array.of(1n), bytesUpTo: Float64Array.of(1000), firstUserEnd: 0 };
  const work = { pool: 'pool', flow: 'flow', bytes: 1000, prompt, maxTokens: 0 };
  const { signal } = new AbortController();
  const tried = new Tried();
  for (const { replicaId } of replicas) {
    using slot = await rival.acquire(work, signal, tried);
    expect(slot.replica.replicaId).toBe(replicaId);
    slot.ended({ kind: 'failed', failure: 'connect' });
  }
  await expect(rival.acquire(work, signal, tried)).rejects.toMatchObject({ code: 'no_replica' });
});
