import { beforeAll, describe, expect, it } from 'vitest';
import { readSimConfig } from '#loadtest/sim/config.ts';
import type { ModelServer } from '#loadtest/sim/server/model-server.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { ask } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';

let edge: Edge;
let sim: ModelServer;
let endpoint: EdgeEndpoint;
let routers: Router[];

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  const [port, replayPort] = [await freePort(), await freePort()];
  const events = { publisher: 'zmq', endpoint: `tcp://*:${port}`, replay_endpoint: `tcp://*:${replayPort}` };
  const flags = ['--port=0', '--model=test-model', '--time-scale=0.01', `--kv-events-config=${JSON.stringify(events)}`];
  sim = await started.use(startSim(readSimConfig(flags, { FAIRWAY_SIM_API_KEY: 'upstream-secret' })));
  endpoint = await edge.addEndpoint([Number(new URL(sim.url).port)]);
  const { document } = endpoint;
  endpoint.document = { ...document, engine: { ...document.engine, adapter: 'vllm', kvEvents: { port, replayPort } } };
  await edge.publish(endpoint);
  const names = ['router-a', 'router-b', 'router-c'];
  // Often enough for a fast test, and seldom enough that a busy machine's delays are none of an owner's.
  const env = { FAIRWAY_SCRAPE_MS: '1000' };
  routers = await Promise.all(
    names.map((name) => started.use(edge.startRouter({ env: { ...env, FAIRWAY_ROUTER_ID: name } }))),
  );
  await eventually(async () => expect(await each(/^fairway_router_ledger_up\S* (\S+)$/m)).toEqual([1, 1, 1]));
});

/** A figure as each router shows it. */
function each(pattern: RegExp): Promise<number[]> {
  return Promise.all(
    routers.map(async ({ adminUrl }) => {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      return Number(pattern.exec(text)?.[1] ?? 0);
    }),
  );
}

const blocks = (): Promise<number[]> => each(/^fairway_router_prefix_blocks\S* (\S+)$/m);
const events = (): Promise<number[]> => each(/^fairway_router_kv_event_messages_total\{.*result="read".*\} (\S+)$/m);
const heard = (): Promise<number[]> => each(/^fairway_router_scrapes_total\{.*result="heard".*\} (\S+)$/m);

async function say(content: string): Promise<void> {
  const body = { model: 'test-model', max_tokens: 5, messages: [{ role: 'user', content }] };
  const headers = { authorization: `Bearer ${endpoint.token}` };
  expect((await ask({ url: routers[0]?.url ?? '', headers, body: JSON.stringify(body) })).status).toBe(200);
}

describe('an engine that publishes KV events', () => {
  it('is read by one router, and an emptied cache is known to all', async () => {
    let story = 0;
    // Nothing tells an engine that somebody listens.
    await eventually(async () => {
      await say(`story ${story++} `.repeat(400));
      expect((await events()).filter((count) => count > 0)).toHaveLength(1);
    });
    const owner = (await events()).findIndex((count) => count > 0);
    await eventually(async () =>
      expect((await heard()).filter((count, at) => at !== owner && count > 2)).toHaveLength(2),
    );
    expect(Math.min(...(await blocks()))).toBeGreaterThan(0);
    const reset = await fetch(`${sim.url}/reset_prefix_cache`, {
      method: 'POST',
      headers: { authorization: 'Bearer upstream-secret' },
    });
    expect(reset.status).toBe(200);
    await eventually(async () => expect(await blocks()).toEqual([0, 0, 0]));
    expect((await events()).filter((count) => count > 0)).toHaveLength(1);
  });
});
