import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { Dealer, Subscriber } from 'zeromq';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import type { ModelServer } from '../server/model-server.ts';
import { key, post, start } from '../testing/sim-lab.ts';
import { startKvEventPublisher } from './kv-event-publisher.ts';
import { readKvEventsConfig } from './kv-events-config.ts';

interface Batch {
  readonly sequence: number;
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

const started = endAfterEach();

interface Lab {
  readonly server: ModelServer;
  readonly events: string;
  readonly replay: string;
}

async function lab(flags: readonly string[] = []): Promise<Lab> {
  const [port, replayPort] = [await freePort(), await freePort()];
  const config = {
    enable_kv_cache_events: true,
    publisher: 'zmq',
    endpoint: `tcp://*:${port}`,
    replay_endpoint: `tcp://*:${replayPort}`,
    topic: 'kv-events',
  };
  const server = await start([`--kv-events-config=${JSON.stringify(config)}`, ...flags]);
  return { server, events: `tcp://127.0.0.1:${port}`, replay: `tcp://127.0.0.1:${replayPort}` };
}

function batchOf(sequence: Buffer | undefined, payload: Buffer | undefined): Batch {
  const [, events] = decode(payload ?? Buffer.alloc(0), { useBigInt64: true }) as [number, Batch['events']];
  return { sequence: Number(sequence?.readBigUInt64BE() ?? -1n), events };
}

/** Asks again for every batch from a number on. Replies before `parts` hold the empty delimiter, and perhaps a topic. */
async function replayed(endpoint: string, from: bigint, parts = 4): Promise<Batch[]> {
  const dealer = new Dealer({ linger: 0, receiveTimeout: 20_000 });
  started.defer(() => dealer.close());
  dealer.connect(endpoint);
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64BE(from);
  await dealer.send(['', sequence]);
  const batches: Batch[] = [];
  for (;;) {
    const frames = await dealer.receive();
    expect(frames).toHaveLength(parts);
    const [number, payload] = frames.slice(-2);
    if (number?.equals(Buffer.alloc(8, 0xff))) return batches;
    batches.push(batchOf(number, payload));
  }
}

/** A subscriber that has got everything so far. */
async function subscribed(one: Lab): Promise<{ readonly subscriber: Subscriber; readonly last: Batch }> {
  const subscriber = new Subscriber({ receiveTimeout: 1000 });
  started.defer(() => subscriber.close());
  subscriber.connect(one.events);
  subscriber.subscribe('kv-');
  const next = async (): Promise<Batch> => {
    const [, number, payload] = await subscriber.receive();
    return batchOf(number, payload);
  };
  // A subscription takes a moment to arrive; what was sent before is lost to it.
  let last = await eventually(async () => {
    await reset(one);
    return next();
  });
  const newest = (await replayed(one.replay, 0n)).at(-1)?.sequence ?? 0;
  subscriber.receiveTimeout = 20_000;
  while (last.sequence < newest) last = await next();
  return { subscriber, last };
}

function reset({ server }: Lab): Promise<Response> {
  return post(server, {}, { path: '/reset_prefix_cache' });
}

async function ask({ server }: Lab, content: string): Promise<void> {
  const response = await post(server, {
    model: 'tiny',
    max_tokens: 20,
    ignore_eos: true,
    messages: [{ role: 'user', content }],
  });
  expect(response.status).toBe(200);
  await response.text();
}

function setFaults({ server }: Lab, faults: unknown): Promise<Response> {
  return post(server, { faults }, { path: '/fairway/faults' });
}

const story = 'once upon a time there was a very long story '.repeat(12);
const kinds = (batches: readonly Batch[]): unknown[] => batches.flatMap(({ events }) => events.map(({ type }) => type));

describe('KV events', () => {
  it('come to a subscriber with topic, number and batch', async () => {
    const one = await lab();
    const { subscriber, last } = await subscribed(one);
    expect(last.events).toEqual([{ type: 'AllBlocksCleared' }]);
    await ask(one, story);
    const [topic, number, payload, ...more] = await subscriber.receive();
    expect([String(topic), more]).toEqual(['kv-events', []]);
    const batch = batchOf(number, payload);
    expect(batch.sequence).toBe(last.sequence + 1);
    expect(new Set(kinds([batch]))).toEqual(new Set(['BlockStored']));
  });

  it('amount to what is cached, when asked for again', async () => {
    const one = await lab();
    for (const content of [story, `${story} and another end`, story]) await ask(one, content);
    const batches = await replayed(one.replay, 0n);
    expect(batches.map(({ sequence }) => sequence)).toEqual(batches.map((_, index) => index));
    const stored = batches.flatMap(({ events }) => events.flatMap((event) => event['block_hashes'] as bigint[]));
    expect(stored.length).toBeGreaterThan(new Set(stored).size);
    const metrics = await (await fetch(`${one.server.url}/metrics`)).text();
    expect(metrics).toContain('kv_cache_usage_perc{engine="0",model_name="tiny"} 0.0');
    for (const event of batches.flatMap(({ events }) => events))
      expect(event['token_ids']).toHaveLength(
        (event['block_hashes'] as unknown[]).length * Number(event['block_size']),
      );
    expect((await replayed(one.replay, 2n)).map(({ sequence }) => sequence)).toEqual(
      batches.map(({ sequence }) => sequence).slice(2),
    );
  });

  it('name their sources, and tell of a reset', async () => {
    const one = await lab();
    await ask(one, story);
    const headers = { authorization: `Bearer ${key}` };
    const sources: unknown = await (await fetch(`${one.server.url}/kv_event_sources`, { headers })).json();
    const port = new URL(one.events).port;
    expect(sources).toMatchObject({ '0': { publisher: 'zmq', endpoint: `tcp://*:${port}`, buffer_steps: 10_000 } });
    await expect((await reset(one)).json()).resolves.toEqual({ success: true });
    expect(kinds(await replayed(one.replay, 0n)).at(-1)).toBe('AllBlocksCleared');
  });

  it('are written as older engines do when that is asked for', async () => {
    const one = await lab(['--kv-events-form=array']);
    await ask(one, story);
    const [first] = await replayed(one.replay, 0n, 3);
    expect(first?.events[0]).toMatchObject([
      'BlockStored',
      expect.any(Array),
      null,
      expect.any(Array),
      16,
      null,
      'GPU',
    ]);
  });
});

describe('faults', () => {
  it('lose batches without a trace, or with a gap that can be asked for', async () => {
    const one = await lab();
    const { subscriber, last } = await subscribed(one);
    await setFaults(one, [{ kind: 'kv-lost', count: 2 }]);
    for (let turn = 0; turn < 3; turn += 1) await reset(one);
    const [, afterLoss] = await subscriber.receive();
    await setFaults(one, [{ kind: 'kv-gap', count: 2 }]);
    for (let turn = 0; turn < 3; turn += 1) await reset(one);
    const [, afterGap] = await subscriber.receive();
    const numbers = [afterLoss, afterGap].map((frame) => Number(frame?.readBigUInt64BE()) - last.sequence);
    expect(numbers).toEqual([1, 4]);
    expect(await replayed(one.replay, BigInt(last.sequence + 2))).toHaveLength(3);
  });

  it('start numbers again from 0, and forget what was before', async () => {
    const one = await lab();
    for (let turn = 0; turn < 4; turn += 1) await reset(one);
    await setFaults(one, [{ kind: 'kv-restart', count: 1 }]);
    for (let turn = 0; turn < 2; turn += 1) await reset(one);
    expect((await replayed(one.replay, 0n)).map(({ sequence }) => sequence)).toEqual([0, 1]);
  });
});

it('ends in the middle of an answer to somebody who missed them', async () => {
  const [port, replayPort] = [await freePort(), await freePort()];
  const given = { endpoint: `tcp://*:${port}`, replay_endpoint: `tcp://*:${replayPort}` };
  const config = readKvEventsConfig(JSON.stringify(given));
  if (config === undefined) throw new Error('they are on');
  const publisher = await startKvEventPublisher({ config, form: 'map', blockTokens: 16, host: '127.0.0.1' });
  started.keep(publisher);
  // More than are sent in one turn of the loop.
  for (let second = 0; second < config.bufferSteps; second += 1) publisher.publish([{ type: 'cleared' }], second);
  const dealer = new Dealer({ linger: 0, receiveTimeout: 20_000 });
  started.defer(() => dealer.close());
  dealer.connect(`tcp://127.0.0.1:${replayPort}`);
  await dealer.send(['', Buffer.alloc(8)]);
  await dealer.receive();
  await expect(publisher[Symbol.asyncDispose]()).resolves.toBeUndefined();
});

it('says where events cannot be published, and what to do', async () => {
  const one = await lab();
  const config = JSON.stringify({ endpoint: one.events.replace('127.0.0.1', '*') });
  await expect(start([`--kv-events-config=${config}`])).rejects.toThrow(/cannot be published at .*--kv-events-config/);
});
