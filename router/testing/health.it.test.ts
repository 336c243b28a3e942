import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll, endAfterEach } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { contentOf } from './chat-frames.ts';
import { ask, start, readAll, type RawRequest } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { answerJson, startScriptedUpstream, streamWords, type ScriptedUpstream } from './scripted-upstream.ts';

let edge: Edge;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let router: Router;

const started = endAfterAll();
const ofTest = endAfterEach();
beforeAll(async () => {
  edge = await started.use(startEdge());
  router = await started.use(edge.startRouter({ env: { FAIRWAY_CAPACITY_TIMEOUT_MS: '30000' } }));
});
beforeEach(async () => {
  upstreams = await Promise.all([1, 2].map(() => ofTest.use(startScriptedUpstream(streamWords('ok')))));
  endpoint = await edge.addEndpoint(upstreams.map(({ port }) => port));
  await eventually(async () => expect(await models()).toContain('"ready"'));
});

const say = (content: string, stream = true): RawRequest => ({
  url: router.url,
  headers: { authorization: `Bearer ${endpoint.token}` },
  body: JSON.stringify({ model: 'test-model', stream, messages: [{ role: 'user', content }] }),
});

async function models(): Promise<string> {
  return (await fetch(`${router.url}/v1/models`, { headers: say('').headers ?? {} })).text();
}

async function metrics(): Promise<string> {
  return (await fetch(`${router.adminUrl}/metrics`)).text();
}

/** What all requests so far have waited for a turn or a replica, seconds. */
async function waited(): Promise<number> {
  return Number(/^fairway_router_queue_seconds_sum\S* (\S+)$/m.exec(await metrics())?.[1]);
}

describe('a pool whose health checks are good', () => {
  it('is not darkened by a replica that says 503 to forty requests at once', async () => {
    const [busy] = upstreams;
    if (busy !== undefined) busy.script = answerJson(503, { error: { message: 'busy', code: 503 } });
    const replies = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(say(`request ${i}`))));
    expect(replies.map(({ status, text }) => [status, contentOf(text)])).toEqual(replies.map(() => [200, 'ok']));
    const askedBefore = busy?.seen.length ?? 0;
    for (const upstream of upstreams) upstream.script = streamWords('ok');
    const before = await waited();
    await Promise.all(Array.from({ length: 8 }, (_, i) => ask(say(`after ${i}`))));
    expect(await waited()).toBe(before);
    expect(busy?.seen.length).toBeGreaterThan(askedBefore);
  });

  it('serves others at once after a body that every replica answers with 500', async () => {
    for (const upstream of upstreams)
      upstream.script = (seen) =>
        seen.body.includes('poison') ? answerJson(500, { error: { message: 'x' } })(seen) : streamWords('ok')(seen);
    for (let i = 0; i < 3; i += 1) expect((await ask(say('poison'))).status).toBe(500);
    const before = await waited();
    const clean = await ask(say('clean'));
    expect([clean.status, contentOf(clean.text), await waited()]).toEqual([200, 'ok', before]);
  });

  it('serves others soon after one that every replica answers with 401, though none has taken the key before', async () => {
    for (const upstream of upstreams)
      upstream.script = (seen) =>
        seen.body.includes('poison') ? answerJson(401, { error: 'Unauthorized' })(seen) : streamWords('ok')(seen);
    const poison = start(say('poison'));
    const prompts = () => upstreams.map(({ seen }) => seen.filter(({ method }) => method === 'POST').length);
    await eventually(() => expect(prompts()).toEqual([1, 1]));
    const before = await waited();
    expect(contentOf((await ask(say('clean'))).text)).toBe('ok');
    expect((await waited()) - before).toBeLessThan(10);
    poison.abort();
  });

  it('serves at once when all its replicas have failed before', async () => {
    for (const upstream of upstreams) upstream.script = ({ response }) => void response.socket?.resetAndDestroy();
    for (let i = 0; i < 4; i += 1) await ask(say(`lost ${i}`));
    for (const upstream of upstreams) upstream.script = streamWords('ok');
    const before = await waited();
    expect((await ask(say('now'))).status).toBe(200);
    expect(await waited()).toBe(before);
  });
});

describe('a replica that stands still', () => {
  it('loses the requests that it has not begun to answer to another one, and gets no more', async () => {
    const [still, other] = upstreams;
    if (still === undefined || other === undefined) throw new Error('two replicas');
    still.script = () => {};
    other.script = () => {};
    const held = [1, 2].map((n) => start(say(`held ${n}`)));
    await eventually(() => expect([still.seen.length, other.seen.length]).toEqual([1, 1]));
    still.silent = true;
    other.script = streamWords('moved');
    const waiting = still.seen[0]?.body.includes('held 1') ? held[0] : held[1];
    const reply = await waiting?.response.then(readAll);
    expect(contentOf(reply?.text ?? '')).toBe('moved');
    for (const number of [1, 2, 3, 4, 5, 6]) await ask(say(`more ${number}`));
    expect(still.seen).toHaveLength(1);
    for (const one of held) one.abort();
  });
});

describe('an endpoint that is deleted', () => {
  it('tells those who wait for a replica of it at once', async () => {
    const { document } = endpoint;
    const replicas = document.replicas.map((replica) => ({ ...replica, state: 'draining' as const }));
    await edge.publish({ ...endpoint, document: { ...document, replicas } });
    await eventually(async () => expect(await models()).not.toContain('"ready"'));
    const waiting = ask(say('waits'));
    await eventually(async () => expect(await metrics()).toMatch(/^fairway_router_queued_requests\S* 1$/m));
    await edge.publish({ ...endpoint, document: { ...document, replicas, deleting: true } });
    expect(await waiting).toMatchObject({ status: 409, text: expect.stringContaining('endpoint_not_active') });
    expect((await ask(say('late'))).status).toBe(409);
  });
});
