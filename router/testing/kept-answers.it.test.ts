import { randomBytes, randomUUID } from 'node:crypto';
import OpenAI from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask } from './client.ts';
import { responseEvents } from './responses-frames.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import {
  answerJson,
  beginStream,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from './scripted-upstream.ts';

let edge: Edge;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let routers: Router[];

/** An engine that keeps what it answers; the model's name in an answer is the engine's own. */
function keeper(model: string): Script {
  const kept = new Set<string>();
  return (seen) => {
    const [path = '', query = ''] = seen.path.split('?');
    const [id = '', verb] = path.split('/').slice(3);
    const status = verb === 'cancel' ? 'cancelled' : 'completed';
    const answer = { id, object: 'response', model, status, error: null, output: [] };
    if (seen.method === 'POST' && id === '') return create(seen);
    if (!kept.has(id)) return answerJson(404, { error: { message: 'not here' } })(seen);
    if (seen.method === 'DELETE') kept.delete(id);
    if (!query.includes('stream=true')) return answerJson(200, answer)(seen);
    const { text, completed } = responseEvents(id);
    beginStream(seen.response);
    seen.response.end(text('again') + completed());
  };
  function create(seen: Parameters<Script>[0]): void | Promise<void> {
    const body = JSON.parse(String(seen.body)) as Record<string, unknown>;
    const id = `resp_${randomUUID()}`;
    if (body['previous_response_id'] !== undefined && !kept.has(String(body['previous_response_id'])))
      return answerJson(404, { error: { message: 'not here' } })(seen);
    kept.add(id);
    const output = body['input'] === 'long' ? ['x'.repeat(1_200_000)] : [];
    if (body['stream'] !== true)
      return answerJson(200, { id, object: 'response', model, status: 'completed', error: null, output })(seen);
    const { head, text, completed } = responseEvents(id);
    beginStream(seen.response);
    seen.response.end(head() + text(model) + completed());
  }
}

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  upstreams = await Promise.all(
    ['engine-0', 'engine-1'].map((model) => started.use(startScriptedUpstream(keeper(model)))),
  );
  endpoint = await edge.addEndpoint(upstreams.map(({ port }) => port));
  routers = await Promise.all(['router-a', 'router-b'].map((name) => startRouter(name)));
  await eventually(async () =>
    expect(await Promise.all(routers.map((one) => gauge(one, 'ledger_up')))).toEqual([1, 1]),
  );
});

const startRouter = (name: string) =>
  started.use(edge.startRouter({ env: { FAIRWAY_ROUTER_ID: name, FAIRWAY_KEPT_ANSWERS_MAX: '20' } }));
const seen = () => upstreams.flatMap((upstream) => upstream.seen).length;

async function gauge({ adminUrl }: Router, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(new RegExp(`^fairway_router_${name}(?:{.*})? (\\S+)$`, 'm').exec(text)?.[1]);
}

interface Asked {
  readonly at?: number;
  readonly token?: string;
}
const request = (method: string, path: string, { at = 0, token = endpoint.token }: Asked = {}) => ({
  url: routers[at]?.url ?? '',
  method,
  path: `/v1/responses${path}`,
  headers: { authorization: `Bearer ${token}` },
});

/** A whole answer: its id, and whose it is. */
async function create(asked: Asked = {}, more: object = {}): Promise<{ id: string; model: string; status: number }> {
  const body = JSON.stringify({ model: 'test-model', input: randomUUID(), ...more });
  const { status, text } = await ask({ ...request('POST', '', asked), body });
  return { ...(JSON.parse(text) as { id: string; model: string }), status };
}
const get = (id: string, asked: Asked = {}, query = '') => ask(request('GET', `/${id}${query}`, asked));

const notLookedUp = {
  status: 503,
  headers: { 'x-should-retry': 'true', 'retry-after': '2' },
  text: expect.stringMatching(/"code":"unavailable"/),
};
const notFound = { status: 404, text: expect.stringMatching(/"code":"not_found"/) };

describe('an answer that an engine keeps', () => {
  it('is read, streamed again, stopped and forgotten through any router', async () => {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [0, 0],
    ] as const) {
      const { id, model } = await create({ at: from });
      const read = await get(id, { at: to }, '?include=a');
      expect(JSON.parse(read.text)).toMatchObject({ id, model, status: 'completed' });
      expect((await get(id, { at: to }, '?stream=true&starting_after=1')).text).toMatch(/again[^]*response\.completed/);
      const stopped = await ask(request('POST', `/${id}/cancel`, { at: to }));
      expect(JSON.parse(stopped.text)).toMatchObject({ id, model, status: 'cancelled' });
      expect((await ask(request('DELETE', `/${id}`, { at: to }))).status).toBe(200);
      expect(await get(id, { at: to })).toMatchObject({ status: 404, text: expect.stringContaining('not here') });
    }
    expect(upstreams.flatMap(({ seen: all }) => all).some(({ path }) => path.endsWith('?include=a'))).toBe(true);
  });

  it('is gone on from where it is, turn by turn, whichever router gets them', async () => {
    let { id: previous, model } = await create();
    for (let turn = 0; turn < 8; turn += 1) {
      const client = new OpenAI({ baseURL: `${routers[turn % 2]?.url}/v1`, apiKey: endpoint.token, maxRetries: 0 });
      const next = { model: 'test-model', input: `turn ${turn}`, previous_response_id: previous };
      let said = '';
      for await (const event of await client.responses.create({ ...next, stream: true })) {
        if (event.type === 'response.created') previous = event.response.id;
        if (event.type === 'response.output_text.delta') said += event.delta;
      }
      expect(said).toBe(model);
    }
  });

  it('is nobody’s who is of another group or endpoint, or guesses; engines are not asked', async () => {
    const tokens = ['a', 'b'].map((group) => ({ group, token: formatToken('access', randomBytes(24)) }));
    const [own = '', foreign = ''] = tokens.map(({ token }) => token);
    const [first] = endpoint.access.tokens;
    if (first === undefined) throw new Error('no token');
    const more = tokens.map(({ group, token }) => ({
      ...first,
      tokenId: randomUUID(),
      hash: keyedHash(edge.hashKey, token),
      group,
    }));
    endpoint.access = { ...endpoint.access, tokens: [first, ...more] };
    await edge.publish(endpoint);
    const elsewhere = await edge.addEndpoint(upstreams.map(({ port }) => port));
    for (const token of [own, foreign, elsewhere.token])
      for (const at of [0, 1]) await eventually(async () => expect((await create({ at, token })).status).toBe(200));
    const { id } = await create({ token: own });
    expect((await get(id, { at: 1, token: own })).status).toBe(200);
    const before = seen();
    for (const token of [foreign, endpoint.token, elsewhere.token]) {
      expect(await get(id, { at: 1, token })).toMatchObject(notFound);
      expect(await ask(request('POST', `/${id}/cancel`, { token }))).toMatchObject(notFound);
      expect((await create({ token }, { previous_response_id: id })).status).toBe(404);
    }
    expect(await get('resp_guess')).toMatchObject(notFound);
    expect(seen()).toBe(before);
    expect(await ask(request('PUT', `/${id}`))).toMatchObject({ status: 405, headers: { allow: 'GET, DELETE' } });
  });

  it('is known also where it is too long to be held', async () => {
    const { id, model } = await create({}, { input: 'long' });
    expect(JSON.parse((await get(id, { at: 1 })).text)).toMatchObject({ id, model });
  });

  it('is not known if it was not to be kept', async () => {
    const { id, status } = await create({}, { store: false });
    expect(status).toBe(200);
    for (const at of [0, 1]) expect(await get(id, { at })).toMatchObject(notFound);
  });

  it('is known to a router that starts later, until so many others are newer', async () => {
    const { id } = await create();
    routers.push(await startRouter('router-c'));
    await eventually(async () => expect((await get(id, { at: 2 })).status).toBe(200));
    for (let count = 0; count < 20; count += 1) await create({ at: 1 });
    await eventually(async () => {
      for (const at of [0, 1, 2]) expect(await get(id, { at })).toMatchObject(notFound);
    });
    const forgotten = await Promise.all(routers.map((one) => gauge(one, 'kept_answers_forgotten')));
    expect([Math.min(...forgotten) > 0, await gauge(routers[0] as Router, 'kept_answers')]).toEqual([true, 20]);
  });

  it('of this router’s own stays while Redis is away', async () => {
    await edge.redis.kill();
    await eventually(async () =>
      expect(await Promise.all(routers.map((one) => gauge(one, 'ledger_up')))).toEqual([0, 0, 0]),
    );
    const { id, model } = await create();
    expect(JSON.parse((await get(id)).text)).toMatchObject({ id, model });
    expect(await create({}, { previous_response_id: id })).toMatchObject({ status: 200, model });
    expect(await get(id, { at: 1 })).toMatchObject(notLookedUp);
    // An SDK's own way: a 404 would end the conversation.
    const client = new OpenAI({ baseURL: `${routers[1]?.url}/v1`, apiKey: endpoint.token, maxRetries: 10 });
    const next = client.responses.create({ model: 'test-model', input: 'next', previous_response_id: id });
    await edge.redis.restart();
    expect(await next).toMatchObject({ model });
    expect(await get(id, { at: 1 })).toMatchObject({ status: 200 });
  });

  it('that cannot be looked up is 503 in bounded time while Redis hangs, and all else goes on', async () => {
    await edge.redis.pause();
    try {
      const asked = get('resp_none');
      const took = ownTimeOf(asked);
      const { id, model } = await create();
      expect(await create({}, { previous_response_id: id })).toMatchObject({ status: 200, model });
      expect([await asked, (await took) < 3000]).toMatchObject([notLookedUp, true]);
    } finally {
      edge.redis.resume();
    }
    await eventually(async () => expect(await gauge(routers[0] as Router, 'ledger_up')).toBe(1));
    await eventually(async () => expect(await get('resp_none')).toMatchObject(notFound));
  });

  it('outlives all routers, and is gone on from through those that start', async () => {
    const { id, model } = await create();
    for (const one of routers.splice(0)) await one[Symbol.asyncDispose]();
    routers = await Promise.all(['router-a', 'router-b'].map((name) => startRouter(name)));
    for (const at of [0, 1]) {
      const next = await create({ at }, { previous_response_id: id });
      expect(next).toMatchObject({ status: 200, model });
      expect(JSON.parse((await get(next.id, { at: 1 - at })).text)).toMatchObject({ id: next.id, model });
    }
  });

  it('that nobody knows is 404 soon', async () => {
    const took: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      const asked = get(`resp_${count}`, { at: count % 2 });
      took.push(await ownTimeOf(asked));
      expect(await asked).toMatchObject(notFound);
    }
    // The quick half: a busy machine may delay the others.
    expect(took.toSorted((x, y) => x - y)[took.length / 2]).toBeLessThan(50);
  });

  it('is where its replica is, also while that drains', async () => {
    const { id, model } = await create();
    const { document } = endpoint;
    endpoint.document = { ...document, replicas: document.replicas.map((one) => ({ ...one, state: 'draining' })) };
    await edge.publish(endpoint);
    await eventually(async () => expect((await create()).status).toBe(503));
    expect(JSON.parse((await get(id, { at: 1 })).text)).toMatchObject({ id, model });
    endpoint.document = document;
    await edge.publish(endpoint);
    await eventually(async () => expect((await create()).status).toBe(200));
  });

  it('is gone with its replica, also when that only restarts', async () => {
    const made = [await create()];
    while (made.every(({ model }) => model === made[0]?.model)) made.push(await create());
    const of = (model: string) => made.find((one) => one.model === model)?.id ?? '';
    const [first, second] = endpoint.document.replicas;
    if (first === undefined || second === undefined) throw new Error('no replicas');
    endpoint.document = { ...endpoint.document, replicas: [{ ...first, restarts: 1 }] };
    await edge.publish(endpoint);
    for (const at of [0, 1])
      for (const model of ['engine-0', 'engine-1'])
        await eventually(async () => expect(await get(of(model), { at })).toMatchObject(notFound));
    expect((await create({}, { previous_response_id: of('engine-0') })).status).toBe(404);
    const { id } = await create();
    upstreams[0]?.stopListening();
    expect(await get(id, { at: 1 })).toMatchObject({ status: 503, text: expect.stringContaining('no_replica') });
  });
});
