import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { onFreePort, startChildServer, type ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { watchStolenTime } from '#shared/testing/own-time.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { contentOf } from './chat-frames.ts';
import { ask, start, type RawRequest } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';

/** Simulated replicas, each a process that can be stopped. */
let sims: ChildServer[];
let edge: Edge;
let endpoint: EdgeEndpoint;
let router: Router;

const ofTest = endAfterEach();
beforeEach(async () => {
  edge = await ofTest.use(startEdge());
  sims = await Promise.all([1, 2].map(() => ofTest.use(startSimProcess())));
  endpoint = await edge.addEndpoint(sims.map(({ url }) => Number(new URL(url).port)));
});

function startSimProcess(): Promise<ChildServer> {
  const main = fileURLToPath(new URL('../../loadtest/sim/main.ts', import.meta.url));
  const flags = ['--model', 'test-model', '--api-key', 'upstream-secret', '--time-scale', '0.05'];
  return onFreePort((port) => {
    const url = `http://127.0.0.1:${port}`;
    const args = [main, '--port', String(port), ...flags];
    const ready = async (): Promise<void> => {
      if (!(await fetch(`${url}/health`)).ok) throw new Error('not ready');
    };
    return startChildServer({ url, command: process.execPath, args, ready, cleanup: () => Promise.resolve() });
  });
}

const say = (content: string, more: object = {}): RawRequest => ({
  url: router.url,
  headers: { authorization: `Bearer ${endpoint.token}` },
  body: JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content }], ...more }),
});

async function metric(name: string): Promise<number> {
  const lines = (await (await fetch(`${router.adminUrl}/metrics`)).text()).split('\n');
  const found = lines.filter((line) => line.startsWith(`fairway_router_${name}`));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Requests at once; each must be answered. */
async function askAll(count: number, content: string): Promise<void> {
  const replies = await Promise.all(Array.from({ length: count }, (_, at) => ask(say(`${content} ${at}`))));
  expect(replies.map(({ status, text }) => [status, contentOf(text) !== ''])).toEqual(replies.map(() => [200, true]));
}

describe('an engine process', () => {
  it('moves what has no content off a process that stands still', async () => {
    router = await ofTest.use(edge.startRouter({ env: { FAIRWAY_SCRAPE_MS: '1000' } }));
    await eventually(() => askAll(4, 'warm'));
    const whole = start(say('whole', { stream: false, max_tokens: 4000, ignore_eos: true }));
    const [still] = sims;
    await using stolen = watchStolenTime();
    await still?.pause();
    const at = performance.now();
    await askAll(8, 'held');
    // Two looks, each within 2 s of the other and 0.9 s long, and 3 s after them.
    expect(performance.now() - at - stolen.ms()).toBeLessThan(2 * 2000 + 3000);
    expect(await metric('lost_attempts_total{reason="stalled"')).toBeGreaterThan(0);
    const before = await metric('picks_total');
    await askAll(8, 'more');
    expect(await metric('picks_total')).toBe(before + 8);
    still?.resume();
    await eventually(async () => expect(await metric('replicas_in_doubt')).toBe(0));
    whole.abort();
  });

  it('moves a request whose first content is late, and no other', async () => {
    router = await ofTest.use(edge.startRouter({ env: { FAIRWAY_LATE_AFTER_MS: '1500' } }));
    await eventually(() => askAll(2, 'warm'));
    for (let turn = 0; turn < 8; turn += 1) await askAll(2, `learn ${turn}`);
    const [ill] = sims;
    const headers = { authorization: 'Bearer upstream-secret', 'content-type': 'application/json' };
    const body = JSON.stringify({ faults: [{ kind: 'hang', count: 1 }] });
    expect((await fetch(`${ill?.url}/fairway/faults`, { method: 'POST', headers, body })).status).toBe(200);
    await askAll(2, 'one of two');
    expect(await metric('lost_attempts_total')).toBe(1);
    expect(await metric('lost_attempts_total{reason="late"')).toBe(1);
    expect(await metric('replicas_in_doubt')).toBe(0);
    await askAll(4, 'after');
    expect(await metric('lost_attempts_total')).toBe(1);
  });
});
