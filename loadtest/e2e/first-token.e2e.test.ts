import { readFile } from 'node:fs/promises';
import type OpenAI from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { findLeftovers } from './leftovers.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

/** Everything that a client who does not wait is told until it is answered. */
async function toldWhileStarting(client: OpenAI): Promise<string> {
  const told: string[] = [];
  const messages = [{ role: 'user' as const, content: 'Hello?' }];
  const headers = { 'x-scale-up-timeout': '0' };
  const ask = (): Promise<unknown> =>
    client.chat.completions
      .create({ model: testModel, max_tokens: 1, messages }, { headers })
      .catch((error: unknown) => {
        told.push(String(error));
        throw error;
      });
  await eventually(ask, { timeoutMs: 90_000, everyMs: 20 });
  return told.join('\n');
}

describe('an endpoint from its creation to its end', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack());
  });

  it('is created, becomes active, streams, and leaves nothing behind', async () => {
    const { dedicated_inference: created, token } = await fairway.create('whole-path', 2);
    expect(['new', 'provisioning']).toContain(created.status);
    expect(created.spec).toBeUndefined();
    expect(created.pending_deployment_spec?.name).toBe('whole-path');
    expect(token.value).toMatch(/^fairway_/);

    expect(created.progress).toMatchObject({ passed: 0, steps: 7 });
    const client = fairway.openai(token.value ?? '');
    const told = await toldWhileStarting(client);
    expect(told).toMatch(/503 The endpoint is starting: phase \w+, it is not known when it will be ready\./);

    const active = await fairway.untilActive(created.id, 2);
    expect(active.progress).toBeUndefined();
    expect(active.spec?.version).toBe(1);
    expect(active.endpoints?.public_endpoint_fqdn).toContain('-public-');
    const { cert } = (await fairway.api('GET', `/${created.id}/ca`)).body as { cert: string };
    expect(Buffer.from(cert, 'base64').toString()).toBe(await readFile(fairway.stack.caFile, 'utf8'));
    expect(active.conditions.find((condition) => condition.type === 'Ready')?.status).toBe('True');

    const stream = await client.chat.completions.create({
      model: testModel,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 20,
      messages: [{ role: 'user', content: 'Hello, who are you?' }],
    });
    let text = '';
    let usage: { completion_tokens: number } | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toContain('simulated');
    expect(usage?.completion_tokens).toBe(20);
    expect((await client.models.list()).data.map((model) => model.id)).toContain(testModel);

    const replicas = await fairway.replicas(created.id);
    expect(replicas).toHaveLength(2);
    expect((await fairway.api('DELETE', `/${created.id}`)).status).toBe(202);
    await eventually(async () => expect((await fairway.api('GET', `/${created.id}`)).status).toBe(404), {
      timeoutMs: 60_000,
    });
    await eventually(async () =>
      expect(await findLeftovers(fairway.stack.plan, [created.id, ...replicas.map(({ id }) => id)])).toEqual([]),
    );
    for (const { pid } of replicas) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(client.models.list()).rejects.toMatchObject({ status: 401 });

    const again = await fairway.create('whole-path', 1);
    expect(again.dedicated_inference.id).not.toBe(created.id);
  });
});
