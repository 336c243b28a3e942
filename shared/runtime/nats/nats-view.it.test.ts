import { beforeEach, describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { systemClock } from '../clock.ts';
import { silentLogger } from '../log.ts';
import { connectNats, type Nats } from './nats.ts';
import { storeDocument } from '#shared/testing/store-document.ts';
import type { DocumentWrite } from './nats-publish.ts';
import type { StreamDefinition } from './nats-streams.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { startView, type NatsView, type ViewMessage, type ViewOptions } from './nats-view.ts';

const documents: StreamDefinition = {
  name: 'DOCS',
  subjects: ['doc.*'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
};
const log = silentLogger();
const soon = (ms = 30_000): AbortSignal => AbortSignal.timeout(ms);

describe('a view', () => {
  let server: ChildServer;
  let nats: Nats;
  let seen: ViewMessage[];
  let absent: string[];

  const started = endAfterEach();
  beforeEach(async () => {
    server = await started.use(startNatsServer());
    nats = await started.use(connectNats({ url: server.url, name: 'test', log }));
    await makeTestStreams(nats, [documents]);
    seen = [];
    absent = [];
  });

  const view = (over: Partial<ViewOptions> = {}): NatsView =>
    startView({
      nats,
      clock: systemClock,
      log,
      stream: 'DOCS',
      subjects: ['doc.*'],
      apply: (message) => seen.push(message),
      ...over,
    });
  const watchful = (rereadEveryMs = 600_000): NatsView =>
    view({
      rereadEveryMs,
      onAbsent: (subject) => absent.push(subject),
    });
  const write = (subject: string, over: Partial<DocumentWrite> = {}): Promise<number> =>
    storeDocument(nats, { subject, body: { subject }, ...over });
  const subjectsSeen = (): string[] => seen.map(({ subject }) => subject);
  const removeConsumers = async (): Promise<number> => {
    const names: string[] = [];
    for await (const { name } of nats.jsm.consumers.list('DOCS')) names.push(name);
    for (const name of names) await nats.jsm.consumers.delete('DOCS', name);
    return names.length;
  };

  it('starts with the last message of each subject and follows', async () => {
    for (const subject of ['doc.a', 'doc.b', 'doc.a']) await write(subject);
    await using followed = view();
    await followed.whenSynced(soon());
    expect(subjectsSeen()).toEqual(['doc.b', 'doc.a']);
    const seq = await write('doc.c');
    await followed.reached(seq, soon());
    expect(seen.at(-1)).toEqual({ subject: 'doc.c', seq, deleted: false, text: '{"subject":"doc.c"}' });
    expect(followed.appliedSeq()).toBe(seq);
  });

  it('waits for a stream that does not exist yet', async () => {
    await using early = view({ stream: 'LATE', subjects: ['late.*'] });
    await expect(early.whenSynced(soon(500))).rejects.toThrow();
    await makeTestStreams(nats, [{ ...documents, name: 'LATE', subjects: ['late.*'] }]);
    await early.whenSynced(soon());
  });

  it('goes on after a kill of the server', async () => {
    await using followed = view();
    await followed.whenSynced(soon());
    await write('doc.before');
    await server.restart();
    await followed.reached(await write('doc.after'), soon());
    expect(subjectsSeen()).toEqual(['doc.before', 'doc.after']);
  });

  it('goes on within seconds after its consumer was deleted', async () => {
    await using followed = view();
    await followed.whenSynced(soon());
    expect(await removeConsumers()).toBe(1);
    await followed.reached(await write('doc.a'), soon());
    expect(subjectsSeen()).toEqual(['doc.a']);
  });

  it('goes on after the server hung', async () => {
    await using followed = view();
    await followed.whenSynced(soon());
    await server.pause();
    setTimeout(() => server.resume(), 4000);
    await followed.reached(await write('doc.a'), soon(45_000));
    expect(subjectsSeen()).toContain('doc.a');
  });

  it.each([
    ['shorter', 1],
    ['longer', 9],
  ])('reads a stream from its beginning that was deleted and made anew, now %s', async (_length, count) => {
    for (const subject of ['doc.a', 'doc.b', 'doc.kept']) await write(subject);
    await using followed = watchful();
    await followed.whenSynced(soon());
    await nats.jsm.streams.delete('DOCS');
    await makeTestStreams(nats, [documents]);
    for (let index = 1; index < count; index += 1) await write(`doc.${index}`);
    const seq = await write('doc.kept', { body: 'anew' });
    await eventually(() => expect(seen.at(-1)).toMatchObject({ subject: 'doc.kept', seq, text: '"anew"' }));
    await eventually(() => {
      expect(absent).toEqual(expect.arrayContaining(['doc.a', 'doc.b']));
    });
    expect(new Set(seen.slice(3).map((message) => message.seq)).size).toBe(seen.length - 3);
    await followed.reached(await write('doc.more'), soon());
  });

  it.each([
    ['while it followed', false],
    ['while it could not follow', true],
  ])('tells what expired %s, and repeats nothing', async (_when, away) => {
    await write('doc.stays');
    await write('doc.expires', { ttlMs: 1000 });
    await using followed = watchful(500);
    await followed.whenSynced(soon());
    if (away) await server.restart();
    await eventually(() => expect(absent).toEqual(['doc.expires']));
    expect(subjectsSeen()).toEqual(['doc.stays', 'doc.expires']);
    await followed.reached(await write('doc.expires'), soon());
    expect(subjectsSeen()).toEqual(['doc.stays', 'doc.expires', 'doc.expires']);
  });

  it('misses and repeats nothing while it reads anew again and again under writes', async () => {
    await using followed = watchful(20);
    await followed.whenSynced(soon());
    let last = 0;
    for (let index = 0; index < 150; index += 1) last = await write(`doc.${index % 7}`);
    await followed.reached(last, soon());
    const sequences = seen.map(({ seq }) => seq);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(new Set(sequences).size).toBe(sequences.length);
    expect(new Set(subjectsSeen()).size).toBe(7);
    expect(sequences.at(-1)).toBe(last);
    expect(absent).toEqual([]);
  });

  it('is synced only when it has every document, also while all of them are written again', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `doc.${index}`);
    for (const name of names) await write(name);
    let writing = true;
    const writer = (async () => {
      for (let turn = 0; writing; turn += 1) await write(names[(turn * 7) % names.length] ?? '');
    })();
    for (let round = 0; round < 25; round += 1) {
      seen = [];
      await using followed = view();
      await followed.whenSynced(soon());
      expect(new Set(subjectsSeen()).size).toBe(names.length);
    }
    writing = false;
    await writer;
  });

  it('is synced as soon as it has them', async () => {
    for (const name of ['a', 'b', 'c']) await write(`doc.${name}`);
    for (let round = 0; round < 100; round += 1) {
      await using followed = view({ subjects: round % 2 === 0 ? ['doc.*'] : ['doc.a', 'doc.b'] });
      // Much less than a request of the client takes to expire.
      expect(await ownTimeOf(followed.whenSynced(soon()))).toBeLessThan(1500);
    }
  });

  it('is synced, with every document once, also when its first reading is interrupted', async () => {
    const count = 3000;
    for (let start = 0; start < count; start += 100)
      await Promise.all(Array.from({ length: 100 }, (_, index) => write(`doc.${start + index}`)));
    let interrupted: Promise<number> | undefined;
    await using followed = view({
      apply: (message) => {
        seen.push(message);
        if (seen.length === 1) interrupted = removeConsumers();
      },
    });
    await followed.whenSynced(soon());
    expect(await interrupted).toBe(1);
    expect(new Set(subjectsSeen()).size).toBe(count);
    expect(seen).toHaveLength(count);
  });

  it('has caught up with what was acknowledged, also when it was overwritten at once', async () => {
    await using followed = view();
    await followed.whenSynced(soon());
    for (let round = 0; round < 60; round += 1) {
      const subject = `doc.${round}`;
      await write(subject);
      const caughtUp = followed.caughtUp(soon());
      const others = Array.from({ length: 20 }, (_, index) => write(`doc.other-${index}`));
      const again = write(subject);
      await caughtUp;
      expect(subjectsSeen()).toContain(subject);
      await Promise.all([...others, again]);
    }
  });

  it('learns what was read elsewhere once, and goes back to nothing older', async () => {
    await using followed = view();
    await followed.whenSynced(soon());
    const learn = (seq: number): boolean => followed.learn({ subject: 'doc.a', deleted: false, seq });
    expect([learn(2), learn(2), learn(1)]).toEqual([true, false, false]);
    expect(followed.appliedSeq()).toBe(0);
    for (const index of [1, 2, 3]) {
      await followed.reached(await write('doc.a', { body: index }), soon());
      expect(seen.map(({ text }) => text)).toEqual(index === 3 ? ['3'] : []);
    }
  });

  it('neither applies nor forgets anything while its owner does not believe the stream', async () => {
    let stamp = 'first';
    const readings: number[] = [];
    await write('doc.a');
    await write('doc.b');
    await using followed = view({
      believe: (info) => info.config.metadata?.['stamp'] === stamp,
      onAbsent: (subject) => absent.push(subject),
      onReading: (info) => readings.push(info.state.last_seq),
    });
    await expect(followed.whenSynced(soon(600))).rejects.toThrow();
    expect(seen).toEqual([]);
    await nats.jsm.streams.update('DOCS', { metadata: { stamp: 'first' } });
    await followed.whenSynced(soon());
    expect([subjectsSeen(), readings]).toEqual([['doc.a', 'doc.b'], [2]]);
    await nats.jsm.streams.delete('DOCS');
    await makeTestStreams(nats, [documents]);
    await write('doc.b');
    await expect(eventually(() => expect(seen).toHaveLength(3), { timeoutMs: 1500 })).rejects.toThrow();
    expect(absent).toEqual([]);
    expect(followed.synced()).toBe(true);
    stamp = 'second';
    await nats.jsm.streams.update('DOCS', { metadata: { stamp: 'second' } });
    await eventually(() => expect([absent, subjectsSeen()]).toEqual([['doc.a'], ['doc.a', 'doc.b', 'doc.b']]));
  });

  it('is not synced with a mirror that has not heard of its origin', async () => {
    await nats.jsm.streams.add({ name: 'COPY', mirror: { name: 'ORIGIN' } });
    await using followed = view({ stream: 'COPY', subjects: undefined });
    await expect(followed.whenSynced(soon(1500))).rejects.toThrow();
  });

  it('reaches a sequence whose message was removed before it was delivered', async () => {
    await write('doc.a');
    const seq = await write('doc.gone');
    await nats.jsm.streams.purge('DOCS', { filter: 'doc.gone' });
    await using followed = view();
    await followed.whenSynced(soon());
    expect(followed.appliedSeq()).toBeLessThan(seq);
    await followed.reached(seq, soon());
  });

  it('reaches a sequence in an empty stream, and one of subjects that it does not follow', async () => {
    await using nothing = view({ subjects: ['doc.none'] });
    await nothing.whenSynced(soon());
    await nothing.reached(0, soon());
    await nothing.reached(await write('doc.other'), soon());
  });

  it('does not pretend to have reached what the leader has and it has not applied', async () => {
    await using followed = view();
    await followed.whenSynced(soon());
    const seq = await write('doc.a');
    await followed.reached(seq, soon());
    await server.pause();
    await expect(followed.reached(seq + 1, soon(1500))).rejects.toThrow();
    server.resume();
    await followed.reached(await write('doc.b'), soon(45_000));
    expect(subjectsSeen()).toContain('doc.b');
  });

  it('goes past a message that its owner cannot apply', async () => {
    await using followed = view({
      apply: (message) => {
        seen.push(message);
        if (message.subject === 'doc.poison') throw new Error('cannot');
      },
    });
    await write('doc.poison');
    await followed.reached(await write('doc.fine'), soon());
    expect(subjectsSeen()).toEqual(['doc.poison', 'doc.fine']);
  });

  it('lets nobody wait for a view that is disposed', async () => {
    const followed = view({ stream: 'NEVER' });
    const waits = [followed.whenSynced(), followed.reached(9, new AbortController().signal)];
    const outcomes = Promise.allSettled(waits);
    await followed[Symbol.asyncDispose]();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(followed.whenSynced()).rejects.toThrow('disposed');
  });
});
