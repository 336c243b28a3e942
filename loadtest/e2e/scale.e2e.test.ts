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

  it(`goes 2 → 4 → 1, then to another context, and no request fails (seed ${seed})`, async () => {
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

    // Another context is another start of the engine: its replica takes the place of the one that serves.
    const [before] = await fairway.replicas(endpoint.id);
    const model_id = settled.spec?.model_deployments[0]?.model_id;
    const body = { engines: [{ model_id, context_tokens: 16_384 }] };
    expect((await fairway.api('PUT', `/${endpoint.id}/engine`, { body })).status).toBe(202);
    expect((await fairway.untilActive(endpoint.id, 1)).spec?.version).toBe(4);
    expect((await client.models.list()).data).toMatchObject([{ max_model_len: 16_384 }]);
    await load.progress(12);
    const pids = async (): Promise<number[]> => (await fairway.replicas(endpoint.id)).map(({ pid }) => pid);
    await eventually(async () => expect(await pids()).not.toContain(before?.pid), { timeoutMs: 60_000 });
    expect(load.failures()).toEqual([]);
  });
});
