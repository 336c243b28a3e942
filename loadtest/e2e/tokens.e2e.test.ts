import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

describe('tokens of an endpoint', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ timeScale: 0.1 }));
  });

  it('are let in by the router once they are made, and refused once they are revoked; the others stay', async () => {
    const { dedicated_inference: endpoint, token: first } = await fairway.create('tokens', 1);
    await fairway.untilActive(endpoint.id, 1);
    const made = await fairway.api('POST', `/${endpoint.id}/tokens`, { body: { name: 'second' } });
    expect(made.status).toBe(202);
    const { token } = made.body as { token: { id: string; value: string } };
    const ask = async (value: string): Promise<string> => {
      const messages = [{ role: 'user' as const, content: 'Hello!' }];
      const answer = await fairway.openai(value).chat.completions.create({ model: testModel, messages, max_tokens: 4 });
      return answer.choices[0]?.message.content ?? '';
    };
    await eventually(async () => expect(await ask(token.value)).not.toBe(''));
    const revoked = await fairway.api('DELETE', `/${endpoint.id}/tokens/${token.id}`);
    expect(revoked.status).toBe(204);
    await eventually(() => expect(ask(token.value)).rejects.toMatchObject({ status: 401 }));
    expect(await ask(first.value ?? '')).not.toBe('');
  });
});
