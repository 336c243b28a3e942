import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AccessDocument } from '#shared/contract/desired.ts';
import { edgeApi } from '#shared/contract/nats-roles.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { edgeStreams, streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { createLogger, silentLogger } from '#shared/runtime/log.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { accessDocument, poolDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { makeEdgeStreams } from '#shared/testing/test-streams.ts';
import { EdgeCopy } from './edge-copy.ts';
import { describeEdgeSource } from './edge-source.contract.ts';
import { NatsEdgeSource } from './nats-edge-source.ts';

const vpcId = randomUUID();
const log = silentLogger();
let server: RegionNats;
let nats: Nats;

const started = endAfterAll();
beforeAll(async () => {
  server = await started.use(startRegionNats({ vpcIds: [vpcId] }));
  nats = await started.use(connectNats({ url: server.url, name: 'test', log }));
});

async function write(subject: string, body: unknown, ttlMs?: number): Promise<void> {
  const outcome = await writeDocuments(nats, [{ subject, body, ...(ttlMs !== undefined && { ttlMs }) }], '');
  expect(outcome.kind).toBe('stored');
}
const putAccess = (document: AccessDocument, ttlMs?: number) =>
  write(subjects.access(vpcId, document.endpointId), document, ttlMs);
const putPool = (document: PoolDocument) => write(subjects.pool(vpcId, document.endpointId, document.pool), document);

async function startAnew(adoptedAt?: number): Promise<void> {
  const mirrors = [edgeStreams.access(vpcId).name, edgeStreams.pools(vpcId).name];
  for await (const name of nats.jsm.streams.names())
    if ([...mirrors, streams.desired.name, streams.edge.name].includes(name)) await nats.jsm.streams.delete(name);
  await makeEdgeStreams(nats, vpcId, adoptedAt);
}

const open = (copy: EdgeCopy, told = log): NatsEdgeSource =>
  new NatsEdgeSource(
    {
      drainTimeoutMs: 1000,
      url: server.urlOf({ role: 'router', vpcId }),
      apiPrefix: edgeApi,
      routerId: 'r',
      vpcId,
      clock: systemClock,
      log: told,
    },
    copy,
  );

/** Documents of the contract suite name VPCs of their own; here they stand in the one that has a user. */
describeEdgeSource('NATS', async ({ access, pools }) => {
  await startAnew();
  for (const document of access) await putAccess(document);
  for (const document of pools) await putPool(document);
  return open;
});

describe('what a router believes', () => {
  const endpoint = () => {
    const pool = poolDocument({ vpcId });
    return { pool, token: pool.pool, access: accessDocument({ ...pool, hashes: [pool.pool] }) };
  };
  const follow = async (...endpoints: ReturnType<typeof endpoint>[]) => {
    await startAnew();
    for (const { access, pool } of endpoints) {
      await putAccess(access);
      await putPool(pool);
    }
    const copy = new EdgeCopy({ vpcId, log });
    const source = open(copy);
    await eventually(() => expect(copy.loaded).toBe(true));
    return { copy, source };
  };
  /** Time in which a reading would have been believed. */
  const looked = (source: NatsEdgeSource) => eventually(() => expect(source.doubts().join()).toContain('admin adopt'));

  it('says that a stream cannot be read, and goes on with its copy', async () => {
    const one = endpoint();
    const { copy, source } = await follow(one);
    await using _ = source;
    await eventually(() => expect(source.doubts()).toEqual([]));
    await nats.jsm.streams.delete(edgeStreams.pools(vpcId).name);
    await eventually(() => expect(source.doubts()).toEqual([expect.stringContaining('POOLS_')]));
    expect(copy.pools.documents()).toEqual([one.pool]);
  });

  it('revokes what expires while it follows', async () => {
    const [first, second] = [endpoint(), endpoint()];
    const { copy, source } = await follow(first, second);
    await using _ = source;
    await putAccess(first.access, 1000);
    await eventually(() => expect(copy.access.grant(first.token)).toBeUndefined());
    expect(copy.access.grant(second.token)).toBeDefined();
  });

  it('goes on with its copy when the streams are made anew and empty, and says so; a word adopts them', async () => {
    const [first, second] = [endpoint(), endpoint()];
    const { copy, source } = await follow(first, second);
    await using _ = source;
    await startAnew();
    await looked(source);
    await eventually(() => expect(source.poolRevision()).toBe(0));
    expect(copy.access.grant(first.token)).toBeDefined();
    expect(copy.pools.documents()).toHaveLength(2);
    await putAccess(second.access);
    await putPool(second.pool);
    expect(copy.access.grant(first.token)).toBeDefined();
    // What "admin adopt" does: the mirrors are made anew, with the time of the word.
    for (const mirror of [edgeStreams.access(vpcId), edgeStreams.pools(vpcId)])
      await nats.jsm.streams.delete(mirror.name);
    await makeEdgeStreams(nats, vpcId, Date.now());
    await eventually(() => expect(copy.access.grant(first.token)).toBeUndefined());
    await eventually(() => expect(copy.pools.documents()).toEqual([second.pool]));
    await eventually(() => expect(source.doubts()).toEqual([]));
    expect(copy.access.grant(second.token)).toBeDefined();
  });

  it('does not let an older state in after a restart of the router', async () => {
    const revoked = endpoint();
    const before = await follow(revoked);
    await write(subjects.access(vpcId, revoked.access.endpointId), {
      v: 1,
      kind: 'revoked',
      endpointId: revoked.access.endpointId,
      vpcId,
    });
    await eventually(() => expect(before.copy.access.grant(revoked.token)).toBeUndefined());
    const state = before.copy.state();
    await before.source[Symbol.asyncDispose]();
    await startAnew();
    await putAccess(revoked.access);
    const copy = new EdgeCopy({ vpcId, log });
    copy.load(structuredClone(state));
    await using source = open(copy);
    await looked(source);
    expect(copy.access.grant(revoked.token)).toBeUndefined();
    expect(copy.loaded).toBe(true);
  });
});

it('says why a report was not stored, and knows when one was', async () => {
  const told: string[] = [];
  const destination = { write: (line: string): void => void told.push(line) };
  const copy = new EdgeCopy({ vpcId, log });
  await using source = open(copy, createLogger('router', { destination }));
  const subject = subjects.use(vpcId, 'r');
  await eventually(async () => {
    expect(await source.deliver(subject, '{}')).toBe(false);
    expect(told.join('')).toMatch(/"subject":"fairway\.use\.[^]*"edge\.undelivered"/);
  });
  const storing = nats.nc.subscribe(subjects.everyUse, { callback: (_, message) => void message.respond() });
  await nats.nc.flush();
  expect(await source.deliver(subject, '{}')).toBe(true);
  storing.unsubscribe();
});
