import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createReplySchema } from '#shared/contract/resource.ts';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startStreamLoad } from '#loadtest/workload/stream-load.ts';
import { watchHistory } from './history.ts';
import { findLeftovers } from './leftovers.ts';
import { createSpec, startTestStack, testModel, type ApiAnswer, type TestStack } from './test-stack.ts';

const seed = 97;
/** Killed one after the other, each in the middle of a create, a scale and a delete. */
const victims = ['api-regional', 'api-central', 'provisioner', 'provisioner-2', 'nats', 'redis', 'cluster'];

describe('kill -9 in the middle of operations', () => {
  let fairway: TestStack;
  let endpointId: string;
  let token: string;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ timeScale: 0.3, routers: 2 }));
    const made = await fairway.create('steady', 2);
    endpointId = made.dedicated_inference.id;
    token = made.token.value ?? '';
    await fairway.untilActive(endpointId, 2);
  });

  /** As a careful client: the same Idempotency-Key until an answer is final. */
  async function insist(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const headers = { 'idempotency-key': randomUUID() };
    return eventually(
      async () => {
        const answer = await fairway.api(method, path, { body, headers });
        if (answer.status >= 500) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return answer;
      },
      { timeoutMs: 45_000, everyMs: 100 },
    );
  }

  for (const victim of victims) {
    it(`${victim}: what was accepted happens once, statuses only go forward, no completion fails (seed ${seed})`, async () => {
      const name = `k-${victim}`;
      const known: string[] = [endpointId];
      await using history = watchHistory(fairway, () => known);
      await using load = startStreamLoad({
        client: fairway.openai(token),
        model: testModel,
        users: 6,
        seed,
        maxTokens: 100,
        turns: 5,
      });
      await load.progress(3);
      const steady = await fairway.get(endpointId);
      const nextScale = steady.replicas.desired === 2 ? 3 : 2;

      const creating = insist('POST', '', { spec: createSpec(name, 1) });
      const scaling = insist('PATCH', `/${endpointId}`, scaleBody(nextScale));
      fairway.kill(victim);
      const created = await creating;
      expect([created.status, (await scaling).status]).toEqual([202, 202]);
      const { id } = createReplySchema.parse(created.body).dedicated_inference;
      known.push(id);
      await fairway.untilActive(id, 1);
      await fairway.untilActive(endpointId, nextScale);
      await eventually(async () => {
        expect(await fairway.replicas(id)).toHaveLength(1);
        expect(await fairway.replicas(endpointId)).toHaveLength(nextScale);
      });

      const deleting = insist('DELETE', `/${id}`);
      await eventually(() => fairway.kill(victim), { timeoutMs: 30_000 });
      expect((await deleting).status).toBe(202);
      await eventually(async () => expect((await fairway.api('GET', `/${id}`)).status).toBe(404), {
        timeoutMs: 60_000,
      });
      await eventually(async () => expect(await findLeftovers(fairway.stack.plan, [id])).toEqual([]), {
        timeoutMs: 30_000,
      });
      await load.progress(6);
      expect(load.failures()).toEqual([]);
      expect(history.violations()).toEqual([]);
      expect(history.reads()).toBeGreaterThan(5);
    });
  }

  it('a router: only its own streams fail, and the other one serves at once', async () => {
    await using load = startStreamLoad({
      client: fairway.openai(token),
      model: testModel,
      users: 8,
      seed,
      maxTokens: 100,
      turns: 5,
    });
    await load.progress(8);
    fairway.kill('router-2');
    await load.progress(8);
    expect(load.failures().length).toBeLessThanOrEqual(8);
    const before = load.failures().length;
    await load.progress(40);
    expect(load.failures().slice(before)).toEqual([]);
  });

  it('then all is quiet: no status is written any more', async () => {
    await using nats = await connectNats({ url: fairway.stack.plan.nats.url, name: 'quiet', log: silentLogger() });
    const lastStatus = async (): Promise<number> => (await nats.jsm.streams.info(streams.status.name)).state.last_seq;
    await fairway.untilActive(endpointId);
    const before = await lastStatus();
    // That nothing happens can only be seen by waiting: as long as the guarantee says.
    await systemClock.sleep(60_000);
    expect(await lastStatus()).toBe(before);
  });
});

function scaleBody(scale: number): unknown {
  return {
    spec: {
      model_deployments: [{ accelerators: [{ scale, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb' }] }],
    },
  };
}
