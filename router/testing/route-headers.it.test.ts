import { expect, it } from 'vitest';
import { ask } from './client.ts';
import { startEdge } from './router-fixture.ts';
import { answerJson, startScriptedUpstream, streamWords } from './scripted-upstream.ts';

const body = (stream: boolean): string =>
  JSON.stringify({ model: 'test-model', stream, messages: [{ role: 'user', content: 'hi' }] });

it.each([
  ['whole', false, answerJson(200, { choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }] })],
  ['streamed', true, streamWords('hi')],
])('an endpoint that asks for it hears on %s answers where they come from and why', async (_, stream, answer) => {
  await using edge = await startEdge();
  await using upstream = await startScriptedUpstream(answer);
  const silent = await edge.addEndpoint([upstream.port]);
  const telling = await edge.addEndpoint([upstream.port]);
  telling.document = { ...telling.document, routing: { reasonHeader: true } };
  await edge.publish(telling);
  await using router = await edge.startRouter();
  const headersOf = async (token: string): Promise<unknown[]> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const reply = await ask({
      url: router.url,
      method: 'POST',
      path: '/v1/chat/completions',
      headers,
      body: body(stream),
    });
    expect(reply.status).toBe(200);
    return ['router', 'route-reason', 'replica', 'queue-ms'].map((name) => reply.headers[`x-fairway-${name}`]);
  };
  const [replica] = telling.document.replicas;
  expect(await headersOf(telling.token)).toEqual([
    router.routerId,
    'least_in_flight',
    replica?.replicaId,
    expect.stringMatching(/^\d+$/),
  ]);
  expect(await headersOf(silent.token)).toEqual([undefined, undefined, undefined, undefined]);
});

it('a client ranks its requests by a header that no engine sees, and hears of a word that is none', async () => {
  await using edge = await startEdge();
  await using upstream = await startScriptedUpstream(streamWords('hi'));
  const { token } = await edge.addEndpoint([upstream.port]);
  await using router = await edge.startRouter();
  const send = (priority: string): ReturnType<typeof ask> =>
    ask({
      url: router.url,
      method: 'POST',
      path: '/v1/chat/completions',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'x-fairway-priority': priority,
      },
      body: body(true),
    });
  expect((await send('high')).status).toBe(200);
  expect(upstream.seen.map(({ headers }) => headers['x-fairway-priority'])).toEqual([undefined]);
  const refused = await send('urgent');
  expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
    400,
    { error: { code: 'bad_request', param: 'x-fairway-priority' } },
  ]);
});
