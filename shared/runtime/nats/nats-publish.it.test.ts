import { beforeAll, describe, expect, it } from 'vitest';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { silentLogger } from '../log.ts';
import { connectNats, type Nats } from './nats.ts';
import { readLast, writeDocuments } from './nats-publish.ts';
import type { StreamDefinition } from './nats-streams.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';

const documents: StreamDefinition = {
  name: 'DOCS',
  subjects: ['doc.*'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
  denyDelete: true,
};
const bucket: StreamDefinition = {
  name: 'KV_b',
  subjects: ['$KV.b.>'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
  bucket: true,
};

describe('writeDocuments', () => {
  let server: ChildServer;
  let nats: Nats;
  const log = silentLogger();

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startNatsServer());
    nats = await started.use(connectNats({ url: server.url, name: 'test', log }));
    await makeTestStreams(nats, [documents, bucket]);
    await makeTestStreams(nats, [documents, bucket]);
  });

  it('stores all of a batch or nothing', async () => {
    const first = await writeDocuments(
      nats,
      ['a', 'b', 'c'].map((name) => ({ subject: `doc.${name}`, body: { name }, expectedSeq: 0 })),
      'batch-1',
    );
    expect(first.kind).toBe('stored');
    const again = await writeDocuments(
      nats,
      ['d', 'b', 'e'].map((name) => ({ subject: `doc.${name}`, body: { name }, expectedSeq: 0 })),
      'batch-2',
    );
    expect(again.kind).toBe('conflict');
    expect(await readLast(nats, 'DOCS', 'doc.d')).toBeNull();
    const seqs = first.kind === 'stored' ? first.seqs : [];
    expect((await readLast(nats, 'DOCS', 'doc.c'))?.seq).toBe(seqs[2]);
    expect((await readLast(nats, 'DOCS', 'doc.a'))?.body).toEqual({ name: 'a' });
  });

  it.each([0, 1, 2])('says that message %s of a batch has no room, and stores nothing', async (index) => {
    const big = 'x'.repeat(documents.maxMessageBytes);
    const writes = ['x', 'y', 'z'].map((name, at) => ({ subject: `doc.${name}`, body: at === index ? big : name }));
    expect(await writeDocuments(nats, writes, `big-${index}`)).toMatchObject({ kind: 'full' });
    for (const name of ['x', 'y', 'z']) expect(await readLast(nats, 'DOCS', `doc.${name}`)).toBeNull();
  });

  it('refuses a stale compare-and-set and takes a fresh one', async () => {
    const made = await writeDocuments(nats, [{ subject: 'doc.cas', body: 1, expectedSeq: 0 }], 'x');
    const seq = made.kind === 'stored' ? (made.seqs[0] ?? 0) : 0;
    expect((await writeDocuments(nats, [{ subject: 'doc.cas', body: 2, expectedSeq: seq }], 'x')).kind).toBe('stored');
    expect((await writeDocuments(nats, [{ subject: 'doc.cas', body: 3, expectedSeq: seq }], 'x')).kind).toBe(
      'conflict',
    );
    expect((await readLast(nats, 'DOCS', 'doc.cas'))?.body).toBe(2);
  });

  it('lets a message leave by its TTL, and a create succeeds afterwards', async () => {
    await writeDocuments(nats, [{ subject: 'doc.ttl', body: 1, ttlMs: 1000 }], 'x');
    await expect.poll(() => readLast(nats, 'DOCS', 'doc.ttl'), { timeout: 30_000 }).toBeNull();
    expect((await writeDocuments(nats, [{ subject: 'doc.ttl', body: 2, expectedSeq: 0 }], 'x')).kind).toBe('stored');
  });

  it('marks a key of a bucket as deleted', async () => {
    await writeDocuments(nats, [{ subject: '$KV.b.k', body: { a: 1 } }], 'x');
    expect((await readLast(nats, 'KV_b', '$KV.b.k'))?.deleted).toBe(false);
    const gone = await writeDocuments(
      nats,
      [{ subject: '$KV.b.k', body: null, deleteMarker: true, ttlMs: 60_000 }],
      'x',
    );
    expect(gone.kind).toBe('stored');
    expect((await readLast(nats, 'KV_b', '$KV.b.k'))?.deleted).toBe(true);
  });

  it('tells doubt from refusal when the server is gone', async () => {
    await server.kill();
    const outcome = await writeDocuments(nats, [{ subject: 'doc.doubt', body: 1 }], 'x');
    expect(outcome.kind).toBe('doubtful');
    await server.restart();
  });
});
