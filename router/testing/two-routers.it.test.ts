import { beforeAll, describe, expect, it } from 'vitest';
import { redisKeys } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectRedis, type RedisConnection } from '#shared/runtime/redis.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { RedisLedgerChannel } from '../ledger/redis-ledger-channel.ts';
import { prefixHashes } from '../scan/prefix-hash.ts';
import { Scanner } from '../scan/scanner.ts';
import type { Router } from '../service.ts';
import { contentOf, frames } from './chat-frames.ts';
import { ask, start } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { beginStream, startScriptedUpstream, streamWords, type ScriptedUpstream } from './scripted-upstream.ts';

let edge: Edge;
let redis: RedisConnection;
let upstreams: ScriptedUpstream[];
let endpoint: EdgeEndpoint;
let routers: Router[];

const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
  redis = started.keep(connectRedis({ url: edge.redis.url, name: 'test', log: silentLogger() }));
  upstreams = await Promise.all([1, 2].map(() => started.use(startScriptedUpstream(streamWords('ok')))));
  endpoint = await edge.addEndpoint(upstreams.map(({ port }) => port));
  const names = ['router-a', 'router-b'];
  routers = await Promise.all(names.map((name) => started.use(edge.startRouter({ env: { FAIRWAY_ROUTER_ID: name } }))));
  await eventually(async () => expect(await everywhere('ledger_up')).toEqual([1, 1]));
});

/** A gauge as each router shows it. */
function everywhere(name: string): Promise<number[]> {
  return Promise.all(
    routers.map(async ({ adminUrl }) => {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      return Number(new RegExp(`^fairway_router_${name}\\S* (\\S+)$`, 'm').exec(text)?.[1]);
    }),
  );
}

/** The keys of a prompt's prefixes under a salt. */
function keysUnder(cacheNamespace: string, body: string): BigUint64Array {
  const scanner = new Scanner(chatCompletions.body);
  scanner.write(Buffer.from(body));
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  return prefixHashes(scan, { cacheNamespace, model: 'test-model' }).keys;
}

const counts = () => upstreams.map(({ seen }) => seen.length);
const requestTo = (router: number, messages: unknown, { token } = endpoint) => ({
  url: routers[router]?.url ?? '',
  headers: { authorization: `Bearer ${token}` },
  body: JSON.stringify({ model: 'test-model', stream: true, messages }),
});

describe('two routers', () => {
  it('stand in Redis, each with a row of its own', async () => {
    const keys = ['router-a', 'router-b'].map((name) => redisKeys.routerRow(edge.vpcId, name));
    await eventually(async () => expect(await redis.client.exists(...keys)).toBe(2));
    expect(await redis.client.pttl(keys[0] ?? '')).toBeGreaterThan(0);
    const [replica] = endpoint.document.replicas;
    await eventually(async () => {
      const shown = await redis.client.hget(keys[0] ?? '', `state:${replica?.replicaId}`);
      expect(JSON.parse(shown ?? '{}')).toEqual({ condition: 'ready', inFlight: 0, running: 1 });
    });
  });

  it('tell keys of prompts that only who knows a secret of the pool could make', async () => {
    await using ledger = new RedisLedgerChannel({
      url: edge.redis.url,
      vpcId: edge.vpcId,
      router: 'listener',
      epoch: 1,
      clock: systemClock,
      log: silentLogger(),
    });
    await eventually(() => expect(ledger.up()).toBe(true));
    const told: bigint[] = [];
    ledger.subscribe((message) => message.kind === 'news' && told.push(...message.news.newKeys));
    const own = await edge.addEndpoint(upstreams.map(({ port }) => port));
    const request = requestTo(0, [{ role: 'user', content: 'a secret wish' }], own);
    const { document } = own;
    const salted = { ...own, document: { ...document, prefixSalt: 'pool-secret' } };
    const tokens = own.access.tokens.map((token) => ({ ...token, group: 'g' }));
    const grouped = { ...salted, access: { ...own.access, tokens } };
    for (const [version, salt] of [
      [own, document.upstreamKey],
      [salted, 'pool-secret'],
      [grouped, JSON.stringify(['pool-secret', 'g'])],
    ] as const) {
      await edge.publish(version);
      await eventually(async () => {
        await ask(request);
        expect(told).toEqual(expect.arrayContaining([...keysUnder(salt, request.body)]));
      });
    }
    expect(told.filter((key) => keysUnder(document.endpointId, request.body).includes(key))).toEqual([]);
  });

  it('send the turns of a conversation to the replica that has it, whichever router gets them', async () => {
    const messages = [{ role: 'user', content: `story ${'x'.repeat(5000)}` }];
    const before = counts();
    for (let turn = 0; turn < 6; turn += 1) {
      const reply = await ask(requestTo(turn % 2, messages));
      expect(contentOf(reply.text)).toBe('ok');
      messages.push({ role: 'assistant', content: 'ok' }, { role: 'user', content: `turn ${turn}` });
      await eventually(async () => {
        const [a, b] = await everywhere('prefix_blocks');
        expect(a).toBe(b);
      });
    }
    const taken = counts().map((count, at) => count - (before[at] ?? 0));
    expect(taken.toSorted((x, y) => x - y)).toEqual([0, 6]);
  });

  it('count each other’s requests: new conversations spread over the replicas', async () => {
    const held = Promise.withResolvers<void>();
    for (const upstream of upstreams)
      upstream.script = async ({ response }) => {
        beginStream(response);
        response.write(frames.role + frames.text('a'));
        await held.promise;
        response.end(frames.finish + frames.done);
      };
    const before = counts();
    const open = [];
    for (let number = 1; number <= 8; number += 1) {
      const started = start(requestTo(number % 2, [{ role: 'user', content: `hello ${number}` }]));
      await started.response;
      open.push(started);
      await eventually(async () => expect(await everywhere('cluster_in_flight_requests')).toEqual([number, number]));
    }
    expect(counts().map((count, at) => count - (before[at] ?? 0))).toEqual([4, 4]);
    for (const started of open) started.abort();
    await eventually(async () => expect(await everywhere('cluster_in_flight_requests')).toEqual([0, 0]));
    held.resolve();
  });
});
