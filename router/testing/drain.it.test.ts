import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { drainReportSchema, type DrainReport } from '#shared/contract/replica.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { contentOf, eventsOf, frames } from './chat-frames.ts';
import { ask, readAll, start } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { beginStream, startScriptedUpstream, streamWords, type ScriptedUpstream } from './scripted-upstream.ts';

let edge: Edge;
let upstream: ScriptedUpstream;
let endpoint: EdgeEndpoint;
const reports: DrainReport[] = [];

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  upstream = await started.use(startScriptedUpstream(streamWords('ok')));
  endpoint = await edge.addEndpoint([upstream.port]);
  edge.client.nc.subscribe(subjects.everyDrain, {
    callback: (_, message) => void reports.push(drainReportSchema.parse(message.json())),
  });
});

const request = (url: string) => ({
  url,
  headers: { authorization: `Bearer ${endpoint.token}` },
  body: JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
});
const last = (routerId: string, withLoads = false) =>
  reports.findLast((report) => report.routerId === routerId && (!withLoads || report.loads !== undefined));

/** Streams one word, then waits for the test to let it end. */
function holdStreams(): { release: () => void } {
  const gate = Promise.withResolvers<void>();
  upstream.script = async ({ response }) => {
    beginStream(response);
    response.write(frames.role + frames.text('first'));
    await gate.promise;
    if (!response.destroyed) response.end(frames.text('last') + frames.finish + frames.done);
  };
  return { release: () => gate.resolve() };
}

describe('drain reports', () => {
  it('register the router, and count what it still has on a draining replica', async () => {
    await using router = await edge.startRouter({ env: { FAIRWAY_PUBLIC_URL: 'http://public.example:1' } });
    await eventually(() => expect(last(router.routerId)).toMatchObject({ leaving: false, inFlight: {} }));
    expect(last(router.routerId)?.listeners).toEqual({ public: 'http://public.example:1', private: router.url });
    const held = holdStreams();
    const askedAt = Date.now();
    const response = await start(request(router.url)).response;
    const [replica] = endpoint.document.replicas;
    if (replica === undefined) throw new Error('no replica');
    await eventually(() => expect(last(router.routerId, true)?.loads).toEqual({ [replica.replicaId]: [1, 1] }));
    endpoint.document = { ...endpoint.document, replicas: [{ ...replica, state: 'draining' }] };
    const revision = await edge.publish(endpoint);
    await eventually(() => {
      expect(last(router.routerId)?.edgeRevision).toBe(revision);
      expect(last(router.routerId)?.inFlight).toEqual({ [replica.replicaId]: 1 });
    });
    const { oldestAt = {} } = last(router.routerId) ?? {};
    expect(Object.keys(oldestAt)).toEqual([replica.replicaId]);
    expect(oldestAt[replica.replicaId]).toBeGreaterThanOrEqual(askedAt - 1);
    expect(oldestAt[replica.replicaId]).toBeLessThanOrEqual(Date.now());
    const refused = await ask(request(router.url));
    expect([refused.status, upstream.seen.length]).toEqual([503, 1]);
    held.release();
    expect(contentOf((await readAll(response)).text)).toBe('firstlast');
    await eventually(() => expect(last(router.routerId)?.inFlight).toEqual({}));
    endpoint.document = { ...endpoint.document, replicas: [replica] };
    await edge.publish(endpoint);
  });
});

describe('the end of a router', () => {
  it('is not ready at once, serves until that can have been seen, then lets streams end', async () => {
    const router = await edge.startRouter({
      env: { FAIRWAY_PROPAGATION_MS: '1500', FAIRWAY_DRAIN_TIMEOUT_MS: '20000' },
    });
    await eventually(() => expect(last(router.routerId)).toBeDefined());
    const held = holdStreams();
    const response = await start(request(router.url)).response;
    const silent = connect(Number(new URL(router.url).port), '127.0.0.1');
    await once(silent, 'connect');
    upstream.script = streamWords('late');
    const ended = router[Symbol.asyncDispose]();
    expect((await fetch(`${router.adminUrl}/readyz`)).status).toBe(503);
    let served = 0;
    for (;;) {
      const reply = await ask(request(router.url)).catch((error: NodeJS.ErrnoException) => error);
      if (reply instanceof Error) {
        // Refused, or in the kernel's queue as the listener closed: a balancer has stopped sending before that.
        expect(reply.code).toMatch(/^ECONN(REFUSED|RESET)$/);
        break;
      }
      expect(reply).toMatchObject({ status: 200, headers: { connection: 'close' } });
      served += 1;
    }
    expect(served).toBeGreaterThan(3);
    if (!silent.closed) await once(silent, 'close');
    expect(last(router.routerId)?.leaving).toBe(false);
    held.release();
    expect(contentOf((await readAll(response)).text)).toBe('firstlast');
    await ended;
    await eventually(() => expect(last(router.routerId)?.leaving).toBe(true));
  });

  it('tells the clients of streams that take too long, and frees their replicas', async () => {
    const router = await edge.startRouter({ env: { FAIRWAY_DRAIN_TIMEOUT_MS: '50' } });
    upstream.seen.length = 0;
    const held = holdStreams();
    const response = await start(request(router.url)).response;
    const reply = readAll(response);
    await router[Symbol.asyncDispose]();
    const events = eventsOf((await reply).text);
    expect(JSON.parse(events.at(-2) ?? '')).toMatchObject({ error: { type: 'server_error', code: 'unavailable' } });
    expect([events.at(-1), (await reply).broken]).toEqual(['[DONE]', false]);
    await eventually(() => expect(upstream.seen[0]?.abortedAt).toBeDefined());
    held.release();
  });
});
