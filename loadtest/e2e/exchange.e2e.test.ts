import { beforeAll, describe, expect, it, vi } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { startStreamLoad } from '#loadtest/workload/stream-load.ts';
import { createSpec, startTestStack, testModel, type TestStack } from './test-stack.ts';

const seed = 43;
const on = (slug: string, scale: number) => ({ scale, type: 'prefill_decode', accelerator_slug: slug });

describe('an exchange of accelerators on full GPUs', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    // Without a hold hardly any request would live through it.
    vi.stubEnv('FAIRWAY_CAPACITY_TIMEOUT_MS', '200');
    fairway = await started.use(startTestStack({ timeScale: 0.5 }));
    vi.unstubAllEnvs();
  });

  it(`at one replica holds requests until its successor answers, and none fails (seed ${seed})`, async () => {
    const create = async (name: string, scale: number) => {
      const accelerators = [on('gpu-h100x8-640gb', scale)];
      const models = [{ model_slug: testModel, model_provider: 'hugging_face', accelerators }];
      const answer = await fairway.api('POST', '', {
        body: { spec: { ...createSpec(name, 1), model_deployments: models } },
      });
      expect(answer.status).toBe(202);
      const { dedicated_inference: endpoint, token } = answer.body as {
        dedicated_inference: { id: string };
        token: { value: string };
      };
      await fairway.untilActive(endpoint.id, scale);
      return { id: endpoint.id, token: token.value };
    };
    // Four nodes of eight GPUs: nothing is left.
    await create('neighbour', 3);
    const { id, token } = await create('exchanged', 1);
    const before = await fairway.replicas(id);
    const client = fairway.openai(token);
    await using load = startStreamLoad({ client, model: testModel, users: 8, seed, maxTokens: 120, turns: 6 });
    await load.progress(8);
    const patched = await fairway.api('PATCH', `/${id}`, {
      headers: { 'if-match': '*' },
      body: { spec: { model_deployments: [{ accelerators: [on('gpu-h100x1-80gb', 1)] }] } },
    });
    expect(patched.status).toBe(202);
    const settled = await fairway.untilActive(id, 1);
    expect(settled).toMatchObject({
      spec: { model_deployments: [{ accelerators: [{ accelerator_slug: 'gpu-h100x1-80gb' }] }] },
    });
    await load.progress(16);
    expect(load.failures()).toEqual([]);
    const after = await fairway.replicas(id);
    expect(after.map(({ id: replica }) => replica)).not.toEqual(before.map(({ id: replica }) => replica));
    expect(after).toHaveLength(1);
  });
});
