import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask, type RawRequest, type Reply } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { answerJson, startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts';

const started = endAfterAll();
let edge: Edge;
let upstream: ScriptedUpstream;
let router: Router;
let endpoint: EdgeEndpoint;
let starting: EdgeEndpoint;
let deleting: EdgeEndpoint;
let scoped: string;
let expired: string;

beforeAll(async () => {
  edge = await started.use(startEdge());
  upstream = await started.use(startScriptedUpstream(answerJson(200, {})));
  endpoint = await edge.addEndpoint([upstream.port], ['big', 'small']);
  [scoped, expired] = [addToken({ models: ['small'] }), addToken({ expiresAt: '2026-01-01T00:00:00.000Z' })];
  endpoint.document = { ...endpoint.document, routing: { choicesMax: 4, outputTokensMax: 100 } };
  starting = await edge.addEndpoint([], ['big']);
  const readyAt = Date.now() + 600_000;
  const replicas = [replicaAt(upstream.port, 'proving')];
  starting.document = { ...starting.document, replicas, starting: { phase: 'load', readyAt } };
  deleting = await edge.addEndpoint([upstream.port], ['big']);
  deleting.document = { ...deleting.document, deleting: true };
  for (const one of [endpoint, starting, deleting]) await edge.publish(one);
  router = await started.use(edge.startRouter({ env: { FAIRWAY_BODY_BYTES_MAX: '200000' } }));
});

function addToken(parts: { models?: string[]; expiresAt?: string }): string {
  const token = formatToken('access', randomBytes(24));
  const [first] = endpoint.access.tokens;
  if (first === undefined) throw new Error('the endpoint has no token');
  const added = { ...first, ...parts, hash: keyedHash(edge.hashKey, token) };
  endpoint.access = { ...endpoint.access, tokens: [...endpoint.access.tokens, added] };
  return token;
}

/** What the errors of one API look like, and where its requests go. */
interface Voice {
  readonly path: string;
  readonly outputField: string;
  /** Type, code and parameter of an error. */
  read(error: Record<string, unknown>): unknown[];
}
const openAi = (path: string, outputField: string): Voice => ({
  path,
  outputField,
  read: ({ type, code, param }) => [type, code, param ?? undefined],
});
const voices = {
  chat: openAi('/v1/chat/completions', 'max_completion_tokens'),
  completions: openAi('/v1/completions', 'max_tokens'),
  responses: openAi('/v1/responses', 'max_output_tokens'),
  messages: {
    path: '/v1/messages',
    outputField: 'max_tokens',
    read: ({ type, details }) => {
      const { error_code: code, param } = details as Record<string, unknown>;
      return [type, code, param];
    },
  } satisfies Voice,
} as const;
type VoiceName = keyof typeof voices;

/** One row: what is sent in place of a good request, and what everybody or each API is told. */
interface Row {
  readonly send?: (voice: Voice) => Partial<RawRequest> & { token?: string };
  readonly engine?: [status: number, body: unknown];
  readonly told: readonly [status: number, type: string, code: string, param?: string | undefined];
  /** What Anthropic's clients are told instead: status and type. */
  readonly anthropic: readonly [status: number, type: string];
  /** Whether and when to try again. */
  readonly retry: 'no' | 'yes' | 'later';
  readonly only?: readonly VoiceName[];
}
const invalid = 'invalid_request_error';
const body = (more: object = {}): string => JSON.stringify({ model: 'big', messages: [], input: 'x', ...more });
const rows: Record<string, Row> = {
  'no token': {
    send: () => ({ token: '' }),
    told: [401, invalid, 'invalid_api_key'],
    anthropic: [401, 'authentication_error'],
    retry: 'no',
  },
  'a token that has expired': {
    send: () => ({ token: expired }),
    told: [401, invalid, 'invalid_api_key'],
    anthropic: [401, 'authentication_error'],
    retry: 'no',
  },
  'a token of another endpoint': {
    send: () => ({ headers: { host: starting.host } }),
    told: [401, invalid, 'invalid_api_key'],
    anthropic: [401, 'authentication_error'],
    retry: 'no',
  },
  'a model that the token may not use': {
    send: () => ({ token: scoped }),
    told: [403, 'permission_error', 'model_not_allowed', 'model'],
    anthropic: [403, 'permission_error'],
    retry: 'no',
  },
  'a model that nobody serves': {
    send: () => ({ body: body({ model: 'none' }) }),
    told: [404, invalid, 'model_not_found', 'model'],
    anthropic: [404, 'not_found_error'],
    retry: 'no',
  },
  'an answer to go on from that is not kept': {
    send: () => ({ body: body({ previous_response_id: 'resp_none' }) }),
    told: [404, invalid, 'not_found', 'previous_response_id'],
    anthropic: [404, 'not_found_error'],
    retry: 'no',
    only: ['responses'],
  },
  'another route': {
    send: ({ path }) => ({ path: `${path}/no/such`, headers: {} }),
    told: [404, invalid, 'unknown_route'],
    anthropic: [404, 'not_found_error'],
    retry: 'no',
  },
  'another method': {
    send: () => ({ method: 'PUT' }),
    told: [405, invalid, 'method_not_allowed'],
    anthropic: [405, invalid],
    retry: 'no',
  },
  'a body that is too large': {
    send: () => ({ body: body({ padding: 'x'.repeat(200_000) }) }),
    told: [413, invalid, 'request_too_large'],
    anthropic: [413, invalid],
    retry: 'no',
  },
  'headers that are too large': {
    send: () => ({ headers: { 'x-big': 'x'.repeat(33_000) } }),
    told: [431, invalid, 'header_too_large'],
    anthropic: [431, invalid],
    retry: 'no',
  },
  'another content type': {
    send: () => ({ headers: { 'content-type': 'text/plain' } }),
    told: [415, invalid, 'unsupported_media_type'],
    anthropic: [415, invalid],
    retry: 'no',
  },
  'a WebSocket': {
    send: () => ({
      method: 'GET',
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'x' },
    }),
    told: [426, invalid, 'websocket_not_served'],
    anthropic: [426, invalid],
    retry: 'no',
  },
  'too many choices': {
    send: () => ({ body: body({ n: 5 }) }),
    told: [400, invalid, 'parameter_above_limit', 'n'],
    anthropic: [400, invalid],
    retry: 'no',
    only: ['chat', 'completions'],
  },
  'too many candidates': {
    send: () => ({ body: body({ n: 2, best_of: 5 }) }),
    told: [400, invalid, 'parameter_above_limit', 'best_of'],
    anthropic: [400, invalid],
    retry: 'no',
    only: ['chat', 'completions'],
  },
  'too many prompts in one': {
    send: () => ({ body: body({ prompt: ['a', 'b', 'c', 'd', 'e'] }) }),
    told: [400, invalid, 'parameter_above_limit', 'prompt'],
    anthropic: [400, invalid],
    retry: 'no',
    only: ['completions'],
  },
  'too many choices of all prompts together': {
    send: () => ({ body: body({ prompt: ['a', 'b', 'c'], n: 2 }) }),
    told: [400, invalid, 'parameter_above_limit', 'n'],
    anthropic: [400, invalid],
    retry: 'no',
    only: ['completions'],
  },
  'output without bound': {
    send: () => ({ body: body({ max_tokens: -1 }) }),
    told: [400, invalid, 'parameter_above_limit', 'max_tokens'],
    anthropic: [400, invalid],
    retry: 'no',
    only: ['chat', 'completions'],
  },
  'a prompt beyond the context, as an engine tells it': {
    engine: [400, { detail: "This model's maximum context length is 100 tokens." }],
    told: [400, invalid, 'context_length_exceeded'],
    anthropic: [400, invalid],
    retry: 'no',
  },
  'an engine whose queue is full': {
    engine: [503, { detail: 'busy' }],
    told: [503, 'server_error', 'overloaded'],
    anthropic: [529, 'overloaded_error'],
    retry: 'later',
  },
  'an engine that limits rates': {
    engine: [429, { detail: 'busy' }],
    told: [429, 'rate_limit_error', 'overloaded'],
    anthropic: [429, 'rate_limit_error'],
    retry: 'later',
  },
  'an engine without this route': {
    engine: [404, { detail: 'Not Found' }],
    told: [404, invalid, 'unknown_route'],
    anthropic: [404, 'not_found_error'],
    retry: 'no',
  },
  'an engine that fails': {
    engine: [500, { detail: 'oh' }],
    told: [500, 'server_error', 'upstream_error'],
    anthropic: [500, 'api_error'],
    retry: 'yes',
  },
  'an endpoint that starts': {
    send: () => ({ token: starting.token }),
    told: [503, 'server_error', 'endpoint_starting'],
    anthropic: [503, 'overloaded_error'],
    retry: 'later',
  },
  'an endpoint that is being deleted': {
    send: () => ({ token: deleting.token }),
    told: [409, invalid, 'endpoint_not_active'],
    anthropic: [409, invalid],
    retry: 'no',
  },
};

async function tell({ send, engine }: Pick<Row, 'send' | 'engine'>, voice: Voice): Promise<Reply> {
  const { token = endpoint.token, headers, ...raw } = send?.(voice) ?? {};
  upstream.script = engine === undefined ? answerJson(200, {}) : answerJson(...engine);
  const auth = { authorization: `Bearer ${token}` };
  return ask({ url: router.url, path: voice.path, body: body(), ...raw, headers: { ...auth, ...headers } });
}

describe.each(Object.entries(voices))('a client of %s is told of', (name, voice) => {
  const mine = Object.entries(rows).filter(([, { only }]) => only === undefined || only.includes(name as VoiceName));
  it.each(mine)('%s', async (_, row) => {
    const [status, type, code, param] = row.told;
    const expected = name === 'messages' ? row.anthropic : [status, type];
    const reply = await tell(row, voice);
    const { error, type: envelope, request_id: id } = JSON.parse(reply.text) as Record<string, unknown>;
    expect([reply.status, ...voice.read(error as Record<string, unknown>)]).toEqual([...expected, code, param]);
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': expect.stringMatching(/^req_/),
      'request-id': reply.headers['x-request-id'],
      'x-should-retry': String(row.retry !== 'no'),
    });
    expect(Number(reply.headers['retry-after-ms']) > 0).toBe(row.retry === 'later');
    expect(Number(reply.headers['retry-after'] ?? 0)).toBeLessThanOrEqual(60);
    if (name === 'messages') expect([envelope, id]).toEqual(['error', reply.headers['x-request-id']]);
  });

  it('how far an endpoint is that starts, and to come back within a minute, the longest that SDKs heed', async () => {
    const reply = await tell({ send: () => ({ token: starting.token }) }, voice);
    const { error } = JSON.parse(reply.text) as { error: { message: string } };
    expect(error.message).toMatch(/^The endpoint is starting: phase load, ready in about \d{3} s\.$/);
    expect(reply.headers['retry-after']).toBe('60');
  });

  it('too much output, by the name that its API has for it', async () => {
    const { outputField } = voice;
    const asking = (most: number) => tell({ send: () => ({ body: body({ [outputField]: most }) }) }, voice);
    const [reply, fits] = [await asking(101), await asking(100)];
    const { error } = JSON.parse(reply.text) as { error: Record<string, unknown> };
    expect([reply.status, ...voice.read(error)]).toEqual([400, invalid, 'parameter_above_limit', outputField]);
    expect(error['message']).toBe(`"${outputField}" is 101; this endpoint allows 100 at most.`);
    expect(fits.status).toBe(200);
  });
});

const metrics = async (): Promise<string> => (await fetch(`${router.adminUrl}/metrics`)).text();

describe('a client that says', () => {
  it('how long it waits for an endpoint that starts is held until it has', async () => {
    const waking = await edge.addEndpoint([], ['big']);
    const call = (seconds: string) =>
      tell({ send: () => ({ token: waking.token, headers: { 'x-scale-up-timeout': seconds } }) }, voices.messages);
    const models = { token: waking.token, method: 'GET', path: '/v1/models/big', body: '' };
    await eventually(async () => expect((await tell({ send: () => models }, voices.chat)).status).toBe(200));
    expect((await call('0')).status).toBe(503);
    const held = call('60');
    await eventually(async () => expect(await metrics()).toMatch(/^fairway_router_queued_requests\S* 1$/m));
    waking.document = { ...waking.document, replicas: [replicaAt(upstream.port)] };
    await edge.publish(waking);
    expect((await held).status).toBe(200);
  });

  it('that it has sent a request before is counted', async () => {
    const before = await metrics();
    expect(before).not.toMatch(/client_retries_total\{[^}]*"completions"/);
    await tell({ send: () => ({ headers: { 'x-stainless-retry-count': '2' } }) }, voices.completions);
    expect(await metrics()).toMatch(/^fairway_router_client_retries_total\{.*route="completions".*\} 1$/m);
  });
});
