import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { openAi } from '../../dialects/openai/routes.ts';
import type { Router } from '../../service.ts';
import { ask, type RawRequest } from '../client.ts';
import { tinyApi } from './tiny-api.ts';
import { startEdge, type Edge, type EdgeEndpoint } from '../router-fixture.ts';
import { answerJson, startScriptedUpstream, type Script, type ScriptedUpstream } from '../scripted-upstream.ts';

let edge: Edge;
let upstream: ScriptedUpstream;
let endpoint: EdgeEndpoint;
let router: Router;

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  upstream = await started.use(startScriptedUpstream(answerJson(200, { w: 'whole' })));
  endpoint = await edge.addEndpoint([upstream.port], ['big', 'alias']);
  router = await started.use(edge.startRouter({ apis: [openAi, tinyApi] }));
});

const say = (body: object, more: Partial<RawRequest> = {}) => {
  const text = JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${endpoint.token}`,
    'content-type': 'application/json',
    'content-length': String(text.length),
    'tiny-beta': 'b',
  };
  return ask({ url: router.url, method: 'PUT', path: '/tiny/say', headers, body: text, ...more });
};
const lines =
  (...of: string[]): Script =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.end(of.map((line) => `${line}\n`).join(''));
  };
const talk = [{ by: 'me', say: 'hello' }];

describe('an API that shares no word with OpenAI’s, given to the router beside it', () => {
  it('is served whole and streamed, with its own edits, headers and frames', async () => {
    const whole = await say({ brain: 'big', talk });
    expect([whole.status, whole.text]).toEqual([200, '{"w":"whole"}']);
    expect(whole.headers['tiny-ms']).toMatch(/^\d+$/);
    const seen = upstream.seen.at(-1);
    expect([seen?.method, seen?.path, seen?.headers['tiny-beta']]).toEqual(['PUT', '/tiny/say', 'b']);
    expect(seen?.body.toString()).toBe(JSON.stringify({ brain: 'big', talk }));
    upstream.script = lines('{"hi":1}', '{"w":"a"}', '{"w":"b"}', '{"cost":[3,2]}', '{"bye":1}');
    const streamed = await say({ brain: 'alias', live: 1, talk });
    expect(streamed.headers['content-type']).toMatch(/^application\/x-ndjson/);
    expect(streamed.text).toBe('{"hi":1}\n{"w":"a"}\n{"w":"b"}\n{"bye":1}\n');
    expect(upstream.seen.at(-1)?.body.toString()).toMatch(/^\{"alias":1,"brain":"alias"/);
  });

  it('speaks its own words when something is wrong, before and after the head', async () => {
    const range = await say({ brain: 'big', most: 0, talk });
    expect([range.status, JSON.parse(range.text)]).toMatchObject([
      400,
      { oops: 'invalid_body', why: expect.stringContaining('most') },
    ]);
    expect(range.headers['x-tiny-retry']).toBe('no');
    const method = await say({}, { method: 'DELETE', body: '' });
    expect([method.status, JSON.parse(method.text), method.headers.allow]).toMatchObject([
      405,
      { oops: 'method_not_allowed' },
      'PUT',
    ]);
    upstream.script = answerJson(418, { teapot: true });
    expect(JSON.parse((await say({ brain: 'big', talk })).text)).toEqual({ oops: 418, inner: '{"teapot":true}' });
    upstream.script = lines('{"hi":1}', '{"w":"a"}', '{"oops":"dead"}');
    const broken = (await say({ brain: 'big', live: 1, talk })).text.trim().split('\n');
    expect(JSON.parse(broken.at(-1) ?? '')).toMatchObject({ oops: 'upstream_disconnected', inner: '{"oops":"dead"}' });
    upstream.script = lines('{"hi":1}', '{"w":"a"}');
    expect((await say({ brain: 'big', live: 1, talk })).text).toContain('upstream_disconnected');
  });

  it('goes back to what its engine keeps', async () => {
    upstream.script = lines('{"hi":"t1"}', '{"w":"a"}', '{"bye":1}');
    expect((await say({ brain: 'big', live: 1, talk })).status).toBe(200);
    const again = await say({}, { method: 'POST', path: '/tiny/t1/said?again', body: '' });
    expect([again.text, upstream.seen.at(-1)?.path]).toEqual([
      '{"hi":"t1"}\n{"w":"a"}\n{"bye":1}\n',
      '/tiny/t1/said?again',
    ]);
    upstream.script = answerJson(200, { hi: 't2' });
    expect((await say({ brain: 'big', then: 't1', talk })).text).toBe('{"hi":"t2"}');
    expect((await say({ brain: 'big', then: 't2', talk })).status).toBe(200);
    for (const unknown of [
      await say({ brain: 'big', then: 't3', talk }),
      await say({}, { method: 'POST', path: '/tiny/t3/said', body: '' }),
    ])
      expect([unknown.status, JSON.parse(unknown.text)]).toMatchObject([404, { oops: 'not_found' }]);
  });

  it('lists models where and as it likes', async () => {
    const headers = { authorization: `Bearer ${endpoint.token}` };
    const list = await ask({ url: router.url, method: 'GET', path: '/tiny/brains', headers });
    expect(JSON.parse(list.text)).toEqual({ brains: ['big', 'alias'] });
    const none = await ask({ url: router.url, method: 'GET', path: '/tiny/brains/small', headers });
    expect([none.status, JSON.parse(none.text)]).toMatchObject([404, { oops: 'model_not_found' }]);
  });
});
