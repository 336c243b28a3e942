import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { systemClock } from '#shared/runtime/clock.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { KvSubscriber, type KvEventResult } from './kv-subscriber.ts';
import { KvPublisher } from './testing/kv-publisher.ts';

const secret = 4_242_424;
const stored = (...blocks: number[]) => ({
  type: 'BlockStored',
  block_hashes: blocks.map(BigInt),
  parent_block_hash: null,
  token_ids: [secret],
  block_size: 16,
});

/** A subscriber of one publisher, which has heard a first message. */
async function follow(publisher: KvPublisher, { replays = true } = {}) {
  const counts = new Map<KvEventResult, number>();
  const lines: string[] = [];
  const followed = {
    counts,
    lines,
    cleared: 0,
    subscriber: new KvSubscriber({
      replica: replicaAt(1),
      ports: { port: publisher.port, ...(replays && { replayPort: publisher.replayPort }) },
      cleared: () => (followed.cleared += 1),
      counted: (result) => counts.set(result, (counts.get(result) ?? 0) + 1),
      clock: systemClock,
      log: pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }),
    }),
    [Symbol.asyncDispose]: () => followed.subscriber[Symbol.asyncDispose](),
  };
  // Nothing tells a publisher that somebody listens: it says something until it is heard.
  await eventually(async () => {
    await publisher.publish([stored(1, 2)]);
    expect(counts.get('read')).toBeGreaterThan(0);
  });
  return followed;
}

/** ZeroMQ gives a port back a moment after its socket was closed. */
const successorOf = (first: KvPublisher): Promise<KvPublisher> => eventually(() => KvPublisher.start(first));

const held = (followed: { subscriber: KvSubscriber }): number | undefined => followed.subscriber.news().heldTokens;

describe('a subscriber of KV events', () => {
  it.each([true, false])(
    'catches up with what was said before it came, whatever a replay’s form (%s)',
    async (topic) => {
      await using publisher = await KvPublisher.start();
      publisher.hasTopic = topic;
      await publisher.publish([stored(1, 2, 3)]);
      await using followed = await follow(publisher);
      await eventually(() => expect(held(followed)).toBe(48));
      await publisher.publish([{ type: 'BlockRemoved', block_hashes: [3] }]);
      await eventually(() => expect(held(followed)).toBe(32));
    },
  );

  it('asks again for what it missed, and only for that', async () => {
    await using publisher = await KvPublisher.start();
    await using followed = await follow(publisher);
    const before = publisher.replays;
    await publisher.publish([stored(4)], { lost: true });
    await publisher.publish([stored(5)]);
    await eventually(() => expect(held(followed)).toBe(64));
    expect(publisher.replays).toBe(before + 1);
    expect(followed.counts.get('missed')).toBeUndefined();
  });

  it('knows no balance after a gap that nobody can fill, until the cache is empty', async () => {
    await using publisher = await KvPublisher.start();
    await using followed = await follow(publisher);
    await publisher.publish([stored(4)], { lost: true });
    publisher.forget();
    await publisher.publish([stored(5)]);
    await eventually(() => expect(followed.counts.get('missed')).toBe(1));
    expect(held(followed)).toBeUndefined();
    await publisher.publish([{ type: 'AllBlocksCleared' }, stored(6)]);
    await eventually(() => expect(held(followed)).toBe(16));
    expect(followed.cleared).toBe(1);
  });

  it('ends while it waits for a replay', async () => {
    await using publisher = await KvPublisher.start();
    const followed = await follow(publisher);
    publisher.isSilent = true;
    const before = publisher.replays;
    await publisher.publish([stored(4)], { lost: true });
    await publisher.publish([stored(5)]);
    await eventually(() => expect(publisher.replays).toBe(before + 1));
    await followed[Symbol.asyncDispose]();
    expect(followed.counts.get('missed')).toBe(1);
    expect(followed.lines).toEqual([]);
  });

  it('does without a replay where the engine has none', async () => {
    await using publisher = await KvPublisher.start();
    await publisher.publish([stored(9)]);
    await using followed = await follow(publisher, { replays: false });
    expect([held(followed), publisher.replays]).toEqual([undefined, 0]);
  });

  it('takes numbers that begin anew for another process, whose cache is empty', async () => {
    const first = await KvPublisher.start(undefined, 1_000_000);
    await using followed = await follow(first);
    expect(held(followed)).toBeUndefined();
    await first[Symbol.asyncDispose]();
    await using second = await successorOf(first);
    await eventually(async () => {
      await second.publish([stored(7)]);
      expect(followed.counts.get('restarted')).toBe(1);
    });
    await eventually(() => expect(held(followed)).toBe(16));
    expect(followed.cleared).toBe(1);
  });

  it('begins anew with a process that has said more than the last one when it is heard', async () => {
    const first = await KvPublisher.start();
    await using followed = await follow(first);
    expect(held(followed)).toBe(32);
    await first[Symbol.asyncDispose]();
    await using second = await successorOf(first);
    for (let count = 0; count < 100; count++) await second.publish([stored(7)]);
    await eventually(async () => {
      await second.publish([stored(7)]);
      expect(held(followed)).toBe(16);
    });
  });

  it('says that it could not read a message without saying what was in it', async () => {
    await using publisher = await KvPublisher.start();
    await using followed = await follow(publisher);
    await publisher.send(randomBytes(64));
    await eventually(() => expect(followed.counts.get('unreadable')).toBe(1));
    await publisher.publish([{ type: 'AllBlocksCleared' }]);
    await eventually(() => expect(followed.cleared).toBe(1));
    expect(followed.lines.join('')).not.toContain(String(secret));
  });
});
