import { beforeAll, describe, expect, it } from 'vitest';
import { APIError } from 'openai';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { complete } from '#loadtest/workload/completion.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

describe('a replica that is killed', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ timeScale: 1, regionals: 1, provisioners: 1 }));
  });

  it('ends its running streams with an error frame, loses no other request, and comes back', async () => {
    const { dedicated_inference: endpoint, token } = await fairway.create('killed', 2);
    await fairway.untilActive(endpoint.id, 2);
    const client = fairway.openai(token.value ?? '');
    const stream = await client.chat.completions.create({
      model: testModel,
      stream: true,
      max_tokens: 2000,
      messages: [{ role: 'user', content: 'Talk for a long time.' }],
    });
    const [victim] = await busyReplicas(fairway, endpoint.id);
    if (victim === undefined) throw new Error('no replica is busy');
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        seen += chunk.choices.length;
        if (seen === 5) process.kill(victim.pid, 'SIGKILL');
      }
    })();
    await expect(reading).rejects.toBeInstanceOf(APIError);
    await expect(reading).rejects.toMatchObject({ code: 'upstream_disconnected' });
    expect(seen).toBeGreaterThanOrEqual(5);

    const others = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        complete(client, {
          model: testModel,
          maxTokens: 10,
          messages: [{ role: 'user', content: `Question ${index}` }],
        }),
      ),
    );
    expect(others.every((answer) => answer.finishReason !== null)).toBe(true);
    await eventually(
      async () => {
        const replicas = await fairway.replicas(endpoint.id);
        expect(replicas.filter(({ pid }) => pid !== victim.pid)).toHaveLength(2);
        expect((await fairway.get(endpoint.id)).replicas.ready).toBe(2);
      },
      { timeoutMs: 60_000 },
    );
  });
});

/** Replicas that run a request, by their own metrics. */
async function busyReplicas(fairway: TestStack, endpointId: string): Promise<{ pid: number }[]> {
  const replicas = await fairway.replicas(endpointId);
  const running = await Promise.all(
    replicas.map(async ({ url }) =>
      /^vllm:num_requests_running(\{[^}]*\})? [1-9]/m.test(await (await fetch(`${url}/metrics`)).text()),
    ),
  );
  return replicas.filter((_, index) => running[index]);
}
