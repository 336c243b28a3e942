import { RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { silentLogger } from '../log.ts';
import { connectNats, type Nats } from './nats.ts';
import { writeDocuments } from './nats-publish.ts';
import { ensureStreams, type StreamDefinition } from './nats-streams.ts';

const base: StreamDefinition = {
  name: 'A',
  subjects: ['a.*'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
};

describe('ensureStreams', () => {
  let server: ChildServer;
  let nats: Nats;
  const log = silentLogger();

  beforeAll(async () => {
    server = await startNatsServer();
    nats = await connectNats({ url: server.url, name: 'test', log });
  });
  afterAll(async () => {
    await nats[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
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
    expect(await changes(() => ensureStreams(nats, [base], 1))).toEqual(['$JS.API.STREAM.CREATE.A']);
    expect(await changes(() => ensureStreams(nats, [base], 1))).toEqual([]);
  });

  it('updates the limits of what exists, and keeps its messages', async () => {
    await writeDocuments(nats, [{ subject: 'a.kept', body: 1 }], 'x');
    const wider = { ...base, subjects: ['a.*', 'b.*'], maxBytes: 2_000_000, denyDelete: true };
    expect(await changes(() => ensureStreams(nats, [wider], 1))).toEqual(['$JS.API.STREAM.UPDATE.A']);
    const { config, state } = await nats.jsm.streams.info('A');
    expect(config).toMatchObject({ subjects: ['a.*', 'b.*'], max_bytes: 2_000_000, deny_delete: true });
    expect(state.messages).toBe(1);
    expect(await changes(() => ensureStreams(nats, [wider], 1))).toEqual([]);
  });

  it('may be called by many processes at the same time, also by older ones', async () => {
    const others = await Promise.all(
      Array.from({ length: 6 }, (_, index) => connectNats({ url: server.url, name: `test-${index}`, log })),
    );
    const many = ['P', 'Q', 'R'].map((name) => ({ ...base, name, subjects: [`${name.toLowerCase()}.*`] }));
    await Promise.all(others.map((one) => ensureStreams(one, many, 1)));
    const mixed = (index: number): StreamDefinition[] =>
      many.map((one) => ({
        ...one,
        name: `${one.name}2`,
        subjects: [`2${one.name}.*`],
        maxBytes: 1_000_000 * (1 + (index % 2)),
      }));
    await Promise.all(others.map((one, index) => ensureStreams(one, mixed(index), 1)));
    const names: string[] = [];
    for await (const name of nats.jsm.streams.names()) names.push(name);
    expect(names).toEqual(expect.arrayContaining(['P', 'Q', 'R', 'P2', 'Q2', 'R2']));
    for (const one of others) await one[Symbol.asyncDispose]();
  });

  it('says which stream is refused, and why, when its subjects belong to another', async () => {
    await expect(ensureStreams(nats, [{ ...base, name: 'THIEF' }], 1)).rejects.toThrow(
      /Stream THIEF cannot be made as it is needed: .*overlap/,
    );
  });

  it('says so when an update is refused, and does not hide it behind a second try', async () => {
    const refused = { ...base, name: 'P', subjects: ['p.*', 'q.*'] };
    const seen = await changes(() => expect(ensureStreams(nats, [refused], 1)).rejects.toThrow(/Stream P .*overlap/));
    expect(seen).toEqual(['$JS.API.STREAM.UPDATE.P']);
  });

  it('says what no update can change', async () => {
    await nats.jsm.streams.add({ name: 'M', subjects: ['m.*'], storage: StorageType.Memory });
    await expect(ensureStreams(nats, [{ ...base, name: 'M', subjects: ['m.*'] }], 1)).rejects.toThrow(
      /Stream M .*storage "memory" instead of "file"/,
    );
    await nats.jsm.streams.add({ name: 'W', subjects: ['w.*'], retention: RetentionPolicy.Workqueue });
    await expect(ensureStreams(nats, [{ ...base, name: 'W', subjects: ['w.*'] }], 1)).rejects.toThrow(
      /retention "workqueue"/,
    );
  });

  it('leaves a mirror alone', async () => {
    await nats.jsm.streams.add({ name: 'MIRROR', mirror: { name: 'A' } });
    expect(await changes(() => ensureStreams(nats, [{ ...base, name: 'MIRROR' }], 1))).toEqual([]);
  });

  it('waits for a JetStream that is away for a moment', async () => {
    server.pause();
    const ensured = ensureStreams(nats, [{ ...base, name: 'LATE', subjects: ['late.*'] }], 1);
    setTimeout(() => server.resume(), 3000);
    await ensured;
    expect((await nats.jsm.streams.info('LATE')).config.name).toBe('LATE');
  });
});
