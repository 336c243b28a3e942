import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { answerJson, startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts';

const started = endAfterAll();
const createdAt = '2026-11-22T12:00:00.000Z';
let edge: Edge;
let upstream: ScriptedUpstream;
let router: Router;
let endpoint: EdgeEndpoint;
const scoped = formatToken('access', randomBytes(24));

beforeAll(async () => {
  edge = await started.use(startEdge());
  upstream = await started.use(startScriptedUpstream(answerJson(200, { choices: [] })));
  endpoint = await edge.addEndpoint([upstream.port], ['org/big', 'alias']);
  const [first] = endpoint.access.tokens;
  if (first === undefined) throw new Error('the endpoint has no token');
  const second = { ...first, hash: keyedHash(edge.hashKey, scoped), models: ['alias', 'adapter'] };
  endpoint.access = { ...endpoint.access, tokens: [first, second] };
  endpoint.document = { ...endpoint.document, createdAt, adapters: ['adapter'], routing: { outputTokensMax: 4096 } };
  await edge.publish(endpoint);
  router = await started.use(edge.startRouter());
});

const get = async (path: string, headers: Record<string, string>): Promise<unknown> => {
  const reply = await ask({ url: router.url, method: 'GET', path, headers: { 'x-request-id': 'mine', ...headers } });
  expect(reply.headers['request-id']).toMatch(/^req_/);
  expect(reply.headers['x-client-request-id']).toBe('mine');
  return JSON.parse(reply.text);
};
const common = { max_model_len: 262_144, status: 'ready' };

it('models, their other names and adapters are listed as OpenAI’s clients read them', async () => {
  const one = { object: 'model', created: Date.parse(createdAt) / 1000, owned_by: 'team-a', ...common };
  expect(await get('/v1/models', { authorization: `Bearer ${endpoint.token}` })).toEqual({
    object: 'list',
    data: [
      { id: 'org/big', root: 'org/big', parent: null, ...one },
      { id: 'alias', root: 'org/big', parent: null, ...one },
      { id: 'adapter', root: 'adapter', parent: 'org/big', ...one },
    ],
  });
});

it('and as Anthropic’s do, as far as the token may use them', async () => {
  const headers = { 'x-api-key': scoped, 'anthropic-version': '2023-06-01' };
  const one = { type: 'model', created_at: createdAt, max_input_tokens: 262_144, max_tokens: 4096, ...common };
  const alias = { id: 'alias', display_name: 'alias', ...one };
  const adapter = { id: 'adapter', display_name: 'adapter', ...one };
  expect(await get('/v1/models', headers)).toEqual({
    data: [alias, adapter],
    has_more: false,
    first_id: 'alias',
    last_id: 'adapter',
  });
  expect(await get('/v1/models/adapter', headers)).toEqual(adapter);
  expect(await get('/v1/models/org%2Fbig', headers)).toMatchObject({ error: { type: 'not_found_error' } });
});

it('an adapter is asked for under its own name, an alias under its model’s', async () => {
  const say = (model: string) =>
    ask({
      url: router.url,
      headers: { authorization: `Bearer ${scoped}` },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    });
  for (const model of ['adapter', 'alias']) expect((await say(model)).status).toBe(200);
  const names = upstream.seen.map(({ body }) => (JSON.parse(body.toString()) as { model: string }).model);
  expect(names).toEqual(['adapter', 'org/big']);
});
