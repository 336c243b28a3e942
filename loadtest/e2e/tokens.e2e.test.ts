import { beforeAll, describe, expect, it } from 'vitest';
import { newTokenReplySchema, tokensReplySchema } from '#shared/contract/parts.ts';
import type { TokenReply } from '#shared/contract/resource.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

describe('tokens of an endpoint', () => {
  let fairway: TestStack;
  let endpointId: string;
  let first: string;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ timeScale: 0.1, routers: 2 }));
    const { dedicated_inference: endpoint, token } = await fairway.create('tokens', 1);
    endpointId = endpoint.id;
    first = token.value ?? '';
    await fairway.untilActive(endpointId, 1);
  });

  const post = async (path: string, body: object): Promise<TokenReply> => {
    const made = await fairway.api('POST', `/${endpointId}/tokens${path}`, { body });
    expect(made.status).toBe(202);
    return newTokenReplySchema.parse(made.body).token;
  };
  /** Statuses of a look at the models through each router. */
  const statusesOf = (token: string | undefined): Promise<number[]> =>
    Promise.all(
      (fairway.stack.plan.ports.vpcs[0]?.routers ?? []).map(async ({ port }) => {
        const headers = { authorization: `Bearer ${token}` };
        return (await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).status;
      }),
    );

  it('are let in by every router once they are made, and refused once they are revoked; the others stay', async () => {
    const token = await post('', { name: 'second' });
    await eventually(async () => expect(await statusesOf(token.value)).toEqual([200, 200]));
    const messages = [{ role: 'user' as const, content: 'Hello!' }];
    const chat = { model: testModel, messages, max_tokens: 4 };
    const answer = await fairway.openai(token.value ?? '').chat.completions.create(chat);
    expect(answer.choices[0]?.message.content).not.toBe('');
    expect((await fairway.api('DELETE', `/${endpointId}/tokens/${token.id}`)).status).toBe(204);
    await eventually(async () => expect(await statusesOf(token.value)).toEqual([401, 401]));
    expect(await statusesOf(first)).toEqual([200, 200]);
  });

  it('are good beside their successor, which without an overlap takes their place at once', async () => {
    const old = await post('', { name: 'rotated' });
    const next = await post(`/${old.id}/rotate`, {});
    await eventually(async () => expect(await statusesOf(next.value)).toEqual([200, 200]));
    expect(await statusesOf(old.value)).toEqual([200, 200]);
    const last = await post(`/${next.id}/rotate`, { overlap_seconds: 0 });
    await eventually(async () => expect(await statusesOf(next.value)).toEqual([401, 401]));
    for (const { value } of [old, last]) expect(await statusesOf(value)).toEqual([200, 200]);
  });

  it('of inference open nothing of the management API, nor the reverse', async () => {
    const { controlUrl, apiToken } = fairway.stack;
    const list = async (token: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${controlUrl}/v2/dedicated-inferences`, { headers })).status;
    };
    expect([await list(first), await list(apiToken)]).toEqual([401, 200]);
    expect([await statusesOf(apiToken), await statusesOf(first)]).toEqual([
      [401, 401],
      [200, 200],
    ]);
  });

  it('show the day of their last use', async () => {
    const token = await post('', { name: 'seldom' });
    const days = async (): Promise<(string | undefined)[]> => {
      const { tokens } = tokensReplySchema.parse((await fairway.api('GET', `/${endpointId}/tokens`)).body);
      return tokens.filter(({ id }) => id === token.id).map(({ last_used_on: day }) => day);
    };
    expect(await days()).toEqual([undefined]);
    await eventually(async () => expect(await statusesOf(token.value)).toEqual([200, 200]));
    await eventually(async () => expect(await days()).toEqual([new Date().toISOString().slice(0, 10)]));
  });
});
