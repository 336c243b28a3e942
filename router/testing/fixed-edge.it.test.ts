import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { readRouterConfig, type RouterConfig } from '../config.ts';
import type { EdgeMemory } from '../edge/state-file.ts';
import { MemoryLedgerHub } from './memory-ledger-channel.ts';
import { startRouter } from '../service.ts';
import { contentOf } from './chat-frames.ts';
import { ask } from './client.ts';
import { whenReady } from './router-fixture.ts';
import { startScriptedUpstream, streamWords } from './scripted-upstream.ts';

const hashKey = randomBytes(32);
const token = formatToken('access', randomBytes(24));
const vpcId = randomUUID();
let folder: string;
const started = endAfterEach();
beforeEach(async () => {
  folder = await started.folder('fairway-fixed-');
});

function config(env: Readonly<Record<string, string>>): RouterConfig {
  return readRouterConfig({
    FAIRWAY_REDIS_URL: 'redis://127.0.0.1:1',
    FAIRWAY_VPC_ID: vpcId,
    FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
    FAIRWAY_STATE_DIR: folder,
    FAIRWAY_PROPAGATION_MS: '0',
    FAIRWAY_DRAIN_TIMEOUT_MS: '200',
    ...env,
  });
}

it('a router serves two engines from a file, without NATS, Redis or a state folder', async () => {
  await using first = await startScriptedUpstream(streamWords('one'));
  await using second = await startScriptedUpstream(streamWords('two'));
  const pool = poolDocument({ vpcId, models: ['m'], replicas: [replicaAt(first.port), replicaAt(second.port)] });
  const access = accessDocument({ ...pool, hashes: [keyedHash(hashKey, token)] });
  const file = join(folder, 'edge.json');
  await writeFile(file, JSON.stringify({ access: [access], pools: [pool] }));
  const memory: EdgeMemory = {
    read: () => Promise.resolve(undefined),
    write: () => {},
    flushed: () => Promise.resolve(),
  };
  const ledger = new MemoryLedgerHub({ seed: 1, lagMs: 1 }).open('r');
  const overrides = { log: silentLogger(), ledger, memory };
  await using router = await startRouter(config({ FAIRWAY_EDGE_FILE: file }), overrides);
  await whenReady(router);
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] });
  const reply = await ask({ url: router.url, headers: { authorization: `Bearer ${token}` }, body });
  expect(['one', 'two']).toContain(contentOf(reply.text));
  expect((await ask({ url: router.url, headers: { authorization: 'Bearer x' }, body })).status).toBe(401);
});

it('a file that cannot be used, or no source at all, is said at the start', async () => {
  const file = join(folder, 'edge.json');
  await writeFile(file, '{"access": []}');
  const started = startRouter(config({ FAIRWAY_EDGE_FILE: file }), { log: silentLogger() });
  await expect(started).rejects.toThrow(/FAIRWAY_EDGE_FILE\) cannot be used: [\s\S]*pools/);
  expect(() => config({})).toThrow('FAIRWAY_NATS_URL is not set, nor is FAIRWAY_EDGE_FILE');
});
