import { beforeAll, describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { complete } from '#loadtest/workload/completion.ts';
import { startStreamLoad } from '#loadtest/workload/stream-load.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { findLeftovers } from './leftovers.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

const seed = 53;
const { unless } = await findKubelab('a real kube-apiserver for the whole product');

describe('on a real control plane', unless, () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ cluster: 'real', regionals: 1, provisioners: 1 }));
  });

  it(`creates, streams, scales, replaces a killed replica, survives its API server and deletes (seed ${seed})`, async () => {
    const { dedicated_inference: endpoint, token } = await fairway.create('judged', 2);
    await fairway.untilActive(endpoint.id, 2);
    const client = fairway.openai(token.value ?? '');
    const messages = [{ role: 'user' as const, content: 'Hello!' }];
    expect(await complete(client, { model: testModel, maxTokens: 20, messages })).toMatchObject({ outputTokens: 20 });

    expect((await fairway.scale(endpoint.id, 3)).status).toBe(202);
    await fairway.untilActive(endpoint.id, 3);
    const [victim, ...others] = await fairway.replicas(endpoint.id);
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    const three = await eventually(
      async () => {
        const pids = new Set((await fairway.replicas(endpoint.id)).map(({ pid }) => pid));
        expect([pids.size, pids.has(victim?.pid ?? 0)]).toEqual([3, false]);
        expect((await fairway.get(endpoint.id)).replicas.ready).toBe(3);
        return pids;
      },
      { timeoutMs: 60_000 },
    );
    expect(others.every(({ pid }) => three.has(pid))).toBe(true);

    await using load = startStreamLoad({ client, model: testModel, users: 4, seed, maxTokens: 60, turns: 4 });
    await load.progress(4);
    const before = fairway.pid('cluster');
    fairway.kill('cluster');
    await load.progress(8);
    await eventually(() => expect(fairway.pid('cluster')).not.toBe(before), { timeoutMs: 60_000 });
    await fairway.untilActive(endpoint.id, 3);
    expect(new Set((await fairway.replicas(endpoint.id)).map(({ pid }) => pid))).toEqual(three);
    expect((await fairway.scale(endpoint.id, 1)).status).toBe(202);
    await eventually(async () => expect(await fairway.replicas(endpoint.id)).toHaveLength(1), { timeoutMs: 60_000 });
    await load.progress(4);
    expect(load.failures()).toEqual([]);
    await load[Symbol.asyncDispose]();

    expect((await fairway.api('DELETE', `/${endpoint.id}`)).status).toBe(202);
    await eventually(async () => expect(await findLeftovers(fairway.stack.plan, [endpoint.id])).toEqual([]), {
      timeoutMs: 60_000,
    });
  });
});
