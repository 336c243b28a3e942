import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask } from './client.ts';
import { claudeCode } from './conversations/claude-code.ts';
import { scriptOf } from './conversations/script.ts';
import { recordedAnswer } from './recorded-answer.ts';
import { startOneRouter } from './one-router.ts';
import type { Edge, EdgeEndpoint } from './router-fixture.ts';
import { answerJson, beginStream, type Script, type ScriptedUpstream } from './scripted-upstream.ts';

let edge: Edge;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let router: Router;
const started = endAfterAll();

beforeAll(async () => {
  const starting = startOneRouter(answerJson(200, {}), { models: ['org/model', 'alias'] });
  ({ edge, upstreams, endpoint, router } = await started.use(starting));
});
beforeEach(() => {
  for (const upstream of upstreams) {
    upstream.script = answerJson(200, { choices: [], data: [], output: [], content: [] });
    upstream.seen.length = 0;
  }
});

const headers = (token = endpoint.token) => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });
const seen = () => upstreams.flatMap((upstream) => upstream.seen);

/** What the engine gets of a body. */
async function sent(
  body: string | Buffer,
  { path = '/v1/chat/completions', token = endpoint.token } = {},
): Promise<Buffer> {
  const before = seen().length;
  const reply = await ask({ url: router.url, path, headers: headers(token), body });
  expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)]);
  const bodies = upstreams.flatMap((upstream) => upstream.seen).map((one) => one.body);
  expect(bodies).toHaveLength(before + 1);
  for (const upstream of upstreams) upstream.seen.length = 0;
  return bodies[0] ?? Buffer.alloc(0);
}

const routes = {
  '/v1/chat/completions': { prompt: '"messages":[{"role":"user","content":"hi"}]', asksUsage: true },
  '/v1/completions': { prompt: '"prompt" : "hi"', asksUsage: true },
  '/v1/responses': { prompt: '"input":\t"hi"', asksUsage: false },
  '/v1/messages': { prompt: '"messages":[{"role":"user","content":"hi"}], "max_tokens":9', asksUsage: false },
  '/v1/embeddings': { prompt: '"input":["hi"]', asksUsage: false },
} as const;
const names = Object.keys(routes) as (keyof typeof routes)[];

describe('a body goes to the engine', () => {
  const space = fc.constantFrom('', ' ', '\n  ', '\t', '\r\n');
  /** Names and values that no parser gives back as they were. */
  const odd = fc.constantFrom(
    '1.50',
    '-0',
    '1e400',
    '12345678901234567890',
    String.raw`"\u00e9\/\ud83d"`,
    '[ ]',
    '{ }',
  );
  const value = fc.oneof(
    fc.json({ maxDepth: 4 }),
    odd,
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  );
  const member = fc
    .tuple(fc.string({ unit: 'grapheme', maxLength: 12 }), space, value)
    .map(([name, blank, text]) => `${JSON.stringify(`x_${name}`)}${blank}:${blank}${text}`);
  const request = fc.record({
    path: fc.constantFrom(...names),
    members: fc.array(member, { maxLength: 6 }),
    place: fc.nat(),
    model: fc.constantFrom('org/model', 'alias'),
    streams: fc.boolean(),
    between: space,
    mark: fc.constantFrom('', '\ufeff'),
  });

  it('byte for byte, but for the splices', async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ path, members, place, model, streams, between, mark }) => {
        const { prompt, asksUsage } = routes[path];
        const text = (name: string): string => {
          const all = [...members, prompt, `"model":"${name}"`, ...(streams ? ['"stream" :true'] : [])];
          const turned = [...all.slice(place % all.length), ...all.slice(0, place % all.length)];
          return `{${turned.join(`${between},${between}`)}${between}`;
        };
        for (const upstream of upstreams) upstream.script = finishedAnswer(path, streams);
        const got = await sent(`${mark}${text(model)}}\n`, { path });
        const usage = streams && asksUsage ? ',"stream_options":{"include_usage":true}' : '';
        expect(got.toString()).toBe(`${text('org/model')}${usage}}\n`);
      }),
      { numRuns: 120 },
    );
  });

  it('when it has 1 MB of prompt in any script, with its characters cut', async () => {
    const words = ['naïve ', '測試', '👩‍👩‍👧 ', 'const x = "\\n";\n', '\u2028', '\u0000', String.raw`\ud800`];
    const text = Array.from({ length: 130_000 }, (_, at) => words[(at * 7 + (at >> 3)) % words.length]).join('');
    expect(Buffer.byteLength(text)).toBeGreaterThan(1_000_000);
    for (const path of names.slice(0, 4)) {
      const key = { '/v1/completions': 'prompt', '/v1/responses': 'input' }[path as string] ?? 'messages';
      const value = key === 'messages' ? [{ role: 'user', content: text }] : text;
      const body = Buffer.from(JSON.stringify({ model: 'org/model', max_tokens: 9, [key]: value }));
      expect((await sent(body, { path })).equals(body)).toBe(true);
    }
  });

  it('wherever the connection cuts it', async () => {
    const body = Buffer.from('{"model" : "alias","messages":[{"role":"user","content":"é\\"👍"}],"stream":true}');
    const right = body
      .toString()
      .replace('alias', 'org/model')
      .replace(/}$/, ',"stream_options":{"include_usage":true}}');
    for (const upstream of upstreams) upstream.script = finishedAnswer('/v1/chat/completions', true);
    const all = Array.from({ length: body.length - 1 }, (_, at) => at + 1);
    for (const cuts of [...all.map((at) => [at]), all]) await post(body, cuts);
    const bodies = seen().map((one) => one.body.toString());
    expect(bodies).toHaveLength(all.length + 1);
    expect(new Set(bodies)).toEqual(new Set([right]));
  });

  it('without Claude Code’s billing block where the pool says so, and with it elsewhere', async () => {
    const { system, ...rest } = claudeCode.body(scriptOf(4), 9) as { system: readonly object[] };
    const body = JSON.stringify({ ...rest, model: 'org/model', stream: false, system });
    const to = { path: '/v1/messages' };
    expect((await sent(body, to)).equals(Buffer.from(body))).toBe(true);
    endpoint.document = { ...endpoint.document, routing: { stripBillingBlock: true } };
    await edge.publish(endpoint);
    const stripped = JSON.stringify({ ...rest, model: 'org/model', stream: false, system: system.slice(1) });
    await eventually(async () => expect((await sent(body, to)).equals(Buffer.from(stripped))).toBe(true));
  });

  it('with the salt of the caller’s group, and never with the client’s', async () => {
    const salted = await edge.addEndpoint([upstreams[0]?.port ?? 0], ['org/model']);
    const groups = ['a', 'a', 'b'].map((group) => ({ group, token: formatToken('access', randomBytes(24)) }));
    const [plain] = salted.access.tokens;
    if (plain === undefined) throw new Error('no token');
    const tokens = groups.map(({ group, token }) => {
      const hash = keyedHash(edge.hashKey, token);
      return { ...plain, tokenId: randomUUID(), hash, group };
    });
    salted.access = { ...salted.access, tokens: [plain, ...tokens] };
    salted.document = { ...salted.document, engine: { ...salted.document.engine, saltsCache: true } };
    await edge.publish(salted);
    const saltOf = async (token: string, theirs: object): Promise<unknown> => {
      const body = JSON.stringify({ model: 'org/model', ...theirs, messages: [] });
      return (JSON.parse(String(await sent(body, { token }))) as Record<string, unknown>)['cache_salt'];
    };
    const theirs = { cache_salt: 'their own' };
    await eventually(async () => expect(await saltOf(groups[0]?.token ?? '', {})).toMatch(/^[0-9a-f]{64}$/));
    const salts = [];
    for (const { token } of groups) salts.push(await saltOf(token, theirs), await saltOf(token, {}));
    expect(new Set(salts.slice(0, 4)).size).toBe(1);
    expect(new Set(salts.slice(4)).size).toBe(1);
    expect(new Set(salts).size).toBe(2);
    expect(await saltOf(salted.token, theirs)).toBeNull();
    expect(await saltOf(salted.token, {})).toBeUndefined();
  });
});

it('a conversation that its client names goes to one replica, whatever its prompts', async () => {
  endpoint.document = { ...endpoint.document, routing: { sessionHeader: 'x-chat' } };
  await edge.publish(endpoint);
  const replicasOf = async (more: Record<string, string>, said: object = {}): Promise<number> => {
    for (const upstream of upstreams) upstream.seen.length = 0;
    for (let turn = 0; turn < 12; turn++) {
      const messages = [{ role: 'user', content: `${randomUUID()} ${'word '.repeat(400)}` }];
      const body = JSON.stringify({ model: 'org/model', messages, ...said });
      expect((await ask({ url: router.url, headers: { ...headers(), ...more }, body })).status).toBe(200);
    }
    return upstreams.filter((upstream) => upstream.seen.length > 0).length;
  };
  await eventually(async () => expect(await replicasOf({ 'x-chat': 'one' })).toBe(1));
  expect(await replicasOf({ 'x-session-id': 'two' })).toBe(1);
  expect(await replicasOf({ 'x-claude-code-session-id': 'three' })).toBe(1);
  expect(await replicasOf({}, { prompt_cache_key: 'four' })).toBe(1);
  expect(await replicasOf({})).toBe(2);
});

describe('an answer comes to the client', () => {
  it.each([
    ['vllm-chat-stream', '/v1/chat/completions', { stream_options: { include_usage: true } }],
    ['llama-chat-stream', '/v1/chat/completions', { stream_options: { include_usage: true } }],
    ['llama-responses-stream', '/v1/responses', {}],
    ['vllm-messages-stream', '/v1/messages', {}],
  ])('byte for byte, wherever it is cut: %s', async (name, path, more) => {
    const body = recordedStream(name);
    for (const pieces of [1, 2, 7, 61, 1e6]) expect(await streamed(body, pieces, { path, more })).toBe(body);
  });

  it('without the usage that its client did not ask for, wherever it is cut', async () => {
    const body = recordedStream('vllm-chat-stream');
    const events = body.split(/(?<=\n\n)/);
    const right = events.filter((event) => !/"choices":\s*\[\]/.test(event)).join('');
    expect(right.length).toBeLessThan(body.length);
    const to = { path: '/v1/chat/completions', more: {} };
    for (const pieces of [1, 2, 7, 61, 1e6]) expect(await streamed(body, pieces, to)).toBe(right);
  });
});

/** As the engine sent it: the file has one line end more. */
function recordedStream(name: string): string {
  return `${recordedAnswer(name).body.trimEnd()}\n\n`;
}

/** What a client gets of a stream that its engine sends in pieces of so many bytes. */
async function streamed(
  text: string,
  pieceBytes: number,
  { path, more }: { path: string; more: object },
): Promise<string> {
  const bytes = Buffer.from(text);
  for (const upstream of upstreams)
    upstream.script = async ({ response }) => {
      beginStream(response);
      response.socket?.setNoDelay();
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        response.write(bytes.subarray(at, at + pieceBytes));
        if (at % (16 * pieceBytes) === 0) await setImmediate();
      }
      response.end();
    };
  const prompt =
    path === '/v1/responses' ? { input: 'hi' } : { messages: [{ role: 'user', content: 'hi' }], max_tokens: 9 };
  const body = JSON.stringify({ model: 'org/model', stream: true, ...prompt, ...more });
  return (await ask({ url: router.url, path, headers: headers(), body })).text;
}

/** Sends a body cut at these places, each piece in a turn of the event loop of its own. */
async function post(body: Buffer, cuts: readonly number[]): Promise<void> {
  const { hostname, port } = new URL(router.url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.resume();
  const ended = once(socket, 'close');
  const head = Object.entries({ ...headers(), host: hostname, 'content-length': body.length, connection: 'close' });
  const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${lines}\r\n`);
  for (const [i, at] of [0, ...cuts].entries()) {
    await new Promise((resolve) => socket.write(body.subarray(at, cuts[i]), resolve));
    await setImmediate();
  }
  await ended;
}

/** The shortest answer of a route that ends well. */
function finishedAnswer(path: keyof typeof routes, streams: boolean): Script {
  const recorded = {
    '/v1/chat/completions': 'vllm-chat-stream',
    '/v1/completions': 'llama-completions-stream',
    '/v1/responses': 'llama-responses-stream',
    '/v1/messages': 'vllm-messages-stream',
    '/v1/embeddings': undefined,
  }[path];
  if (!streams || recorded === undefined) return answerJson(200, { choices: [], data: [], output: [], content: [] });
  return ({ response }) => {
    beginStream(response);
    response.end(recordedStream(recorded));
  };
}
