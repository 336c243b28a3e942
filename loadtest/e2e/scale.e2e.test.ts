import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startStreamLoad } from '#loadtest/workload/stream-load.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

const seed = 41;

describe('scaling under streaming load', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ timeScale: 0.5 }));
  });

  it(`goes 2 → 4 → 1 and no request fails (seed ${seed})`, async () => {
    const { dedicated_inference: endpoint, token } = await fairway.create('scaled', 2);
    await fairway.untilActive(endpoint.id, 2);
    const client = fairway.openai(token.value ?? '');
    await using load = startStreamLoad({ client, model: testModel, users: 12, seed, maxTokens: 120, turns: 6 });
    await load.progress(12);

    expect((await fairway.scale(endpoint.id, 4)).status).toBe(202);
    await fairway.untilActive(endpoint.id, 4);
    expect(await fairway.replicas(endpoint.id)).toHaveLength(4);
    await load.progress(24);

    expect((await fairway.scale(endpoint.id, 1)).status).toBe(202);
    const settled = await fairway.untilActive(endpoint.id, 1);
    expect(settled.spec?.version).toBe(3);
    // It is active again as soon as the change serves; the surplus replicas end once their streams have.
    await eventually(async () => expect(await fairway.replicas(endpoint.id)).toHaveLength(1), { timeoutMs: 60_000 });
    await load.progress(12);
    expect(load.failures()).toEqual([]);
  });
});
