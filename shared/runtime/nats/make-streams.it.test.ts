import { RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { silentLogger } from '../log.ts';
import { connectNats, type Nats } from './nats.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { readLast, writeDocuments } from './nats-publish.ts';
import { makeMirror, makeStreams, type MakeOptions } from './make-streams.ts';
import type { StreamDefinition } from './nats-streams.ts';

const base: StreamDefinition = {
  name: 'A',
  subjects: ['a.*'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
};

const ensure = (one: Nats, definitions: StreamDefinition[], more: Partial<MakeOptions> = {}): Promise<void> =>
  makeStreams(one, definitions, { stamp: (present) => present ?? { made: 'first' }, ...more });

describe('makeStreams', () => {
  let server: ChildServer;
  let nats: Nats;
  const log = silentLogger();

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startNatsServer());
    nats = await started.use(connectNats({ url: server.url, name: 'test', log }));
  });

  /** Subjects of the requests that change streams while `work` runs. */
  async function changes(work: () => Promise<void>): Promise<string[]> {
    const seen: string[] = [];
    const subscriptions = ['CREATE', 'UPDATE', 'DELETE'].map((verb) =>
      nats.nc.subscribe(`$JS.API.STREAM.${verb}.*`, { callback: (_error, message) => void seen.push(message.subject) }),
    );
    await nats.nc.flush();
    await work();
    await nats.nc.flush();
    for (const subscription of subscriptions) subscription.unsubscribe();
    return seen;
  }

  it('creates what is missing and touches nothing that is as defined', async () => {
    expect(await changes(() => ensure(nats, [base]))).toEqual(['$JS.API.STREAM.CREATE.A']);
    expect(await changes(() => ensure(nats, [base]))).toEqual([]);
  });

  it('updates the limits of what exists, and keeps its messages', async () => {
    await writeDocuments(nats, [{ subject: 'a.kept', body: 1 }], 'x');
    const wider = { ...base, subjects: ['a.*', 'b.*'], maxBytes: 2_000_000, denyDelete: true };
    expect(await changes(() => ensure(nats, [wider]))).toEqual(['$JS.API.STREAM.UPDATE.A']);
    const { config, state } = await nats.jsm.streams.info('A');
    expect(config).toMatchObject({ subjects: ['a.*', 'b.*'], max_bytes: 2_000_000, deny_delete: true });
    expect(state.messages).toBe(1);
    expect(await changes(() => ensure(nats, [wider]))).toEqual([]);
  });

  it('may be called by many processes at the same time, also by older ones', async () => {
    const others = await Promise.all(
      Array.from({ length: 6 }, (_, index) => connectNats({ url: server.url, name: `test-${index}`, log })),
    );
    const many = ['P', 'Q', 'R'].map((name) => ({ ...base, name, subjects: [`${name.toLowerCase()}.*`] }));
    await Promise.all(others.map((one) => ensure(one, many)));
    const mixed = (index: number): StreamDefinition[] =>
      many.map((one) => ({
        ...one,
        name: `${one.name}2`,
        subjects: [`2${one.name}.*`],
        maxBytes: 1_000_000 * (1 + (index % 2)),
      }));
    await Promise.all(others.map((one, index) => ensure(one, mixed(index))));
    const names: string[] = [];
    for await (const name of nats.jsm.streams.names()) names.push(name);
    expect(names).toEqual(expect.arrayContaining(['P', 'Q', 'R', 'P2', 'Q2', 'R2']));
    for (const one of others) await one[Symbol.asyncDispose]();
  });

  it('says which stream is refused, and why, when its subjects belong to another', async () => {
    await expect(ensure(nats, [{ ...base, name: 'THIEF' }])).rejects.toThrow(
      /Stream THIEF cannot be had as it is needed: .*overlap/,
    );
  });

  it('says so when an update is refused, and does not hide it behind a second try', async () => {
    const refused = { ...base, name: 'P', subjects: ['p.*', 'q.*'] };
    const seen = await changes(() => expect(ensure(nats, [refused])).rejects.toThrow(/Stream P .*overlap/));
    expect(seen).toEqual(['$JS.API.STREAM.UPDATE.P']);
  });

  it('says what no update can change', async () => {
    await nats.jsm.streams.add({ name: 'M', subjects: ['m.*'], storage: StorageType.Memory });
    await expect(ensure(nats, [{ ...base, name: 'M', subjects: ['m.*'] }])).rejects.toThrow(
      /Stream M .*storage "memory" instead of "file"/,
    );
    await nats.jsm.streams.add({ name: 'W', subjects: ['w.*'], retention: RetentionPolicy.Workqueue });
    await expect(ensure(nats, [{ ...base, name: 'W', subjects: ['w.*'] }])).rejects.toThrow(/retention "workqueue"/);
  });

  it('keeps the stamp and the copies that a stream has, and starts a new one where it is told to', async () => {
    await ensure(nats, [{ ...base, name: 'S', subjects: ['s.*'] }], { firstSeq: 500 });
    await ensure(nats, [{ ...base, name: 'S', subjects: ['s.*', 't.*'] }], {
      firstSeq: 900,
      stamp: () => ({ more: 'x' }),
    });
    const { config, state } = await nats.jsm.streams.info('S');
    expect(config.metadata).toMatchObject({ made: 'first', more: 'x' });
    expect(state.first_seq).toBe(500);
    expect(config.num_replicas).toBe(1);
  });

  it('tells who follows a stream that a document has expired, with a sequence for the next write', async () => {
    await ensure(nats, [{ ...base, name: 'E', subjects: ['e.*'], markerTtlMs: 60_000 }]);
    await writeDocuments(nats, [{ subject: 'e.a', body: 1, ttlMs: 1000 }], 'x');
    const marker = await eventually(async () => {
      const last = await readLast(nats, 'E', 'e.a');
      if (last?.deleted !== true) throw new Error('it is still there');
      return last;
    });
    const write = (expectedSeq: number) => writeDocuments(nats, [{ subject: 'e.a', body: 2, expectedSeq }], 'x');
    expect((await write(0)).kind).toBe('conflict');
    expect((await write(marker.seq)).kind).toBe('stored');
  });

  it('leaves a mirror alone', async () => {
    await nats.jsm.streams.add({ name: 'MIRROR', mirror: { name: 'A' } });
    expect(await changes(() => ensure(nats, [{ ...base, name: 'MIRROR' }]))).toEqual([]);
  });

  it('waits for a JetStream that is away for a moment', async () => {
    await server.pause();
    const ensured = ensure(nats, [{ ...base, name: 'LATE', subjects: ['late.*'] }]);
    setTimeout(() => server.resume(), 3000);
    await ensured;
    expect((await nats.jsm.streams.info('LATE')).config.name).toBe('LATE');
  });
});

describe('makeMirror', () => {
  it('keeps the sequences of a part of its origin, and is made anew only when it is stale', async () => {
    await using server = await startNatsServer();
    await using nats = await connectNats({ url: server.url, name: 'test', log: silentLogger() });
    await ensure(nats, [{ ...base, name: 'KV_o', subjects: ['$KV.o.>'], bucket: true }]);
    for (const key of ['v.a', 'w.a', 'v.b', 'v.a'])
      await writeDocuments(nats, [{ subject: `$KV.o.${key}`, body: 1 }], '');
    let stale = false;
    const mirror = { name: 'V', origin: { name: 'KV_o' }, from: '$KV.o.v.>', to: 'v.>' };
    const make = (one = mirror) =>
      makeMirror(nats, one, {
        stamp: (present) => present ?? { made: 'first' },
        isStale: () => Promise.resolve(stale),
      });
    expect(await make()).toBe('made');
    const created = async () => (await nats.jsm.streams.info('V')).created;
    const before = await created();
    await eventually(async () => {
      const { state } = await nats.jsm.streams.info('V', { subjects_filter: '>' });
      expect([state.subjects, state.last_seq]).toEqual([{ 'v.a': 1, 'v.b': 1 }, 4]);
    });
    expect([await make(), await created()]).toEqual(['kept', before]);
    stale = true;
    expect(await make()).toBe('made anew');
    stale = false;
    expect(await make({ ...mirror, from: '$KV.o.w.>' })).toBe('made anew');
  });
});
