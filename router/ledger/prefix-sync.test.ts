import { describe, expect, test } from 'vitest';
import { hashText } from '../scan/hash64.ts';
import type { LedgerMessage } from './ledger-message.ts';
import { MemoryLedgerHub } from '../testing/memory-ledger-channel.ts';
import { PrefixSync } from './prefix-sync.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

const blockSize = 100;

function prompt(path: readonly string[]) {
  const keys = path.map((_, i) => hashText(path.slice(0, i + 1).join('/'), 1n));
  return {
    keys: BigUint64Array.from(keys),
    bytesUpTo: Float64Array.from(keys, (_, i) => (i + 1) * blockSize),
    firstUserEnd: 1,
  };
}

/** A router with nothing but its index; the later it joins the greater its epoch. */
function join(hub: MemoryLedgerHub, router: string, { replicas = ['r1'], piecesMax = 10, piecesMs = 100 } = {}) {
  const channel = hub.open(router);
  const epoch = hub.now();
  const index = new PrefixIndex(() => 0);
  const peers = new Map<string, { router: string; epoch: number }>();
  const said: LedgerMessage[] = [];
  const publish = (message: LedgerMessage): void => {
    said.push(message);
    channel.publish(message);
  };
  const limits = { pieceBlocks: 16, piecesMax, piecesMs };
  const sync = new PrefixSync({ router, epoch, index, publish, peers: () => [...peers.values()], limits });
  const setReplicas = (ids: readonly string[]): void => {
    index.setReplicas(new Map(ids.map((id) => [id, 5000 * blockSize])));
    sync.setReplicas(ids, hub.now());
  };
  channel.subscribe((message) => {
    if (message.kind === 'row') peers.set(message.from, message.row);
    sync.hear(message, hub.now());
  });
  setReplicas(replicas);
  publish({ kind: 'row', from: router, row: { router, epoch, seq: 0, replicas: {} }, ageMs: 0 });
  const use = (replica: string, path: readonly string[]): void => sync.announce(index.insert(replica, prompt(path)));
  const kinds = (kind: LedgerMessage['kind']) => said.filter((message) => message.kind === kind);
  const held = (replica = 'r1') => index.blocks(replica, { offset: 0, count: 1e9 });
  return { channel, index, sync, use, said, kinds, held, setReplicas };
}

/** Time for all routers, in steps of their ticks. */
function advance(hub: MemoryLedgerHub, routers: readonly ReturnType<typeof join>[], ms: number): void {
  for (let left = ms; left > 0; left -= 250) {
    hub.advance(Math.min(left, 250));
    for (const { sync, channel } of routers) sync.tick(hub.now(), channel.up());
  }
}

const long = Array.from({ length: 50 }, (_, i) => `m${i}`);

describe('PrefixSync', () => {
  test('a router that was cut off gets what it missed, in pieces, at the first news after it', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const [a, b] = [join(hub, 'a'), join(hub, 'b')];
    advance(hub, [a, b], 5000);
    const before = a.kinds('index-piece').length;
    b.channel.setCut(true);
    a.use('r1', long);
    hub.advance(100);
    b.channel.setCut(false);
    a.use('r1', [...long, 'next']);
    hub.advance(300);
    expect(b.held()).toHaveLength(51);
    expect(a.kinds('index-piece').length - before).toBe(4);
    a.use('r1', [...long, 'next', 'last']);
    hub.advance(100);
    expect(b.sync.counts.gaps).toBe(1);
    expect(b.held()).toEqual(a.held());
  });

  test('after a silence of the channel each knows within 1 s what all others have learned meanwhile, and asks for no more', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const routers = ['a', 'b', 'c'].map((router) => join(hub, router, { replicas: ['r1', 'r2'] }));
    const known = long.slice(0, 10);
    for (const replica of ['r1', 'r2']) {
      routers[0]?.use(replica, long);
      routers[0]?.use(replica, known);
    }
    advance(hub, routers, 5000);
    for (const { channel } of routers) channel.setCut(true);
    advance(hub, routers, 3000);
    for (const [at, { use }] of routers.entries()) use('r1', [...known, `meanwhile at ${at}`]);
    const before = routers.map(({ kinds }) => kinds('index-piece').length);
    for (const { channel } of routers) channel.setCut(false);
    advance(hub, routers, 1000);
    for (const { held } of routers) {
      expect(held()).toHaveLength(50 + routers.length);
      expect(new Set(held().map(({ key }) => key))).toEqual(new Set(routers[0]?.held().map(({ key }) => key)));
    }
    // Two others ask for one piece of r1 with news, and for two of each replica that show that there are no more; twice, as
    // both sides of a silence ask and ask to be asked.
    for (const [at, { kinds }] of routers.entries())
      expect(kinds('index-piece').length - (before[at] ?? 0)).toBeLessThanOrEqual(2 * 2 * (3 + 2));
    expect(routers.map(({ sync }) => sync.counts.gaps)).toEqual([0, 0, 0]);
  });

  test('what was missed takes the place of the oldest where a cache is full', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const routers = [join(hub, 'a'), join(hub, 'b')] as const;
    const [a, b] = routers;
    for (const { index } of routers) index.resize('r1', 60 * blockSize);
    advance(hub, routers, 4000);
    for (let user = 0; user < 12; user++)
      a.use(
        'r1',
        long.slice(0, 10).map((part) => `${user} ${part}`),
      );
    advance(hub, routers, 1000);
    expect([a.held().length, b.held().length]).toEqual([60, 60]);
    b.channel.setCut(true);
    a.use('r1', long.slice(0, 8));
    hub.advance(100);
    b.channel.setCut(false);
    a.use('r1', long.slice(0, 9));
    advance(hub, routers, 1000);
    expect(b.held().slice(0, 9)).toEqual(a.held().slice(0, 9));
    expect(b.held()).toHaveLength(60);
    a.use('r1', long.slice(0, 10));
    hub.advance(100);
    expect(b.held().slice(0, 10)).toEqual(a.held().slice(0, 10));
    expect(b.sync.counts.gaps).toBe(1);
  });

  test('a router that alone was cut off is asked, too, for what it could not tell', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const routers = [join(hub, 'a'), join(hub, 'b')] as const;
    const [a, b] = routers;
    a.use('r1', long);
    advance(hub, routers, 5000);
    b.channel.setCut(true);
    advance(hub, routers, 3000);
    b.use('r1', ['another conversation']);
    b.channel.setCut(false);
    advance(hub, routers, 1500);
    expect(a.held()).toHaveLength(51);
    expect(a.sync.counts.gaps).toBe(0);
  });

  test('a storm of gaps asks once a second', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const [a, b] = [join(hub, 'a'), join(hub, 'b')];
    advance(hub, [a, b], 5000);
    const before = b.kinds('ask').length;
    const strange = { newKeys: BigUint64Array.of(78n), newBytes: Uint32Array.of(1), touchedTip: 78n };
    const gap = (): void =>
      b.sync.hear({ kind: 'news', from: 'a', news: { replica: 'r1', parentTip: 77n, ...strange } }, hub.now());
    for (let i = 0; i < 100; i++) gap();
    hub.advance(200);
    for (let i = 0; i < 100; i++) gap();
    expect(b.kinds('ask').length - before).toBe(1);
    hub.advance(1000);
    gap();
    expect(b.kinds('ask').length - before).toBe(2);
  });

  test('who starts later, or gets a replica later, knows all that the others know within 1 s, from one of them', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const [a, b] = [join(hub, 'a'), join(hub, 'b')];
    hub.advance(10);
    a.use('r1', long);
    b.use('r1', [...long.slice(0, 20), 'other']);
    advance(hub, [a, b], 3000);
    const pieces = () => [a, b].map(({ kinds }) => kinds('index-piece').length);
    const before = pieces();
    const late = join(hub, 'c', { replicas: ['r1', 'r2'] });
    advance(hub, [a, b, late], 1000);
    expect(late.held().map(({ key }) => key)).toEqual(a.held().map(({ key }) => key));
    expect(pieces().map((count, i) => count - (before[i] ?? 0))).toEqual([5, 0]);
    expect(late.sync.counts.gaps).toBe(0);
    // The scale-up: the news come before the pool document.
    late.use('r2', long);
    hub.advance(100);
    a.setReplicas(['r1', 'r2']);
    advance(hub, [a, b, late], 1000);
    expect(a.held('r2')).toEqual(late.held('r2'));
  });

  test('asks somebody else when the one it asked is dead, and the same one again when a message was lost', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const [a, b] = [join(hub, 'a'), join(hub, 'b')];
    a.use('r1', long);
    advance(hub, [a, b], 1000);
    a.channel.setCut(true);
    const late = join(hub, 'c');
    late.sync.hear(
      { kind: 'row', from: 'a', row: { router: 'a', epoch: 0, seq: 1, replicas: {} }, ageMs: 0 },
      hub.now(),
    );
    b.channel.setCut(true);
    advance(hub, [late], 1500);
    expect(late.held()).toEqual([]);
    b.channel.setCut(false);
    advance(hub, [b, late], 2000);
    expect(late.held()).toEqual(b.held());
  });

  test('what nobody gives is given up after a while, and counted; who has nobody to ask counts nothing', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const alone = join(hub, 'a');
    advance(hub, [alone], 6000);
    expect(alone.sync.counts).toMatchObject({ unanswered: 0, givenUp: 0 });
    const late = join(hub, 'b');
    advance(hub, [alone, late], 1000);
    alone.channel.setCut(true);
    late.setReplicas(['r1', 'r2']);
    advance(hub, [alone, late], 6000);
    expect(late.sync.counts).toMatchObject({ unanswered: 4, givenUp: 2 });
  });

  test('replicas that no pool names are remembered up to a number, and the rest counted', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const a = join(hub, 'a');
    const words = { parentTip: 0n, newKeys: BigUint64Array.of(1n), newBytes: Uint32Array.of(1), touchedTip: 1n };
    for (let at = 0; at < 600; at++) a.sync.hear({ kind: 'news', from: 'b', news: { replica: `s${at}`, ...words } }, 0);
    expect(a.sync.counts.forgotten).toBe(600 - 512);
  });

  test('gives no more than so many pieces in a time, counts the rest, and the asker gets them later', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const a = join(hub, 'a', { piecesMax: 2, piecesMs: 1000 });
    a.use('r1', long);
    advance(hub, [a], 500);
    const late = join(hub, 'b');
    advance(hub, [a, late], 1000);
    expect(a.kinds('index-piece').length).toBeLessThanOrEqual(4);
    expect(a.sync.counts.refused).toBeGreaterThan(0);
    advance(hub, [a, late], 2000);
    expect(late.held()).toEqual(a.held());
  });

  test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'indexes agree in the end, whatever is lost, doubled or overtaken (seed %i)',
    (seed) => {
      const hub = new MemoryLedgerHub({ seed, lagMs: 20, jitterMs: 60, loss: 0.1, duplication: 0.1 });
      const routers = ['a', 'b', 'c'].map((router) => join(hub, router));
      const random = seededRandom(seed);
      const conversations = Array.from({ length: 20 }, (_, i) => ['sys', `user${i}`]);
      for (let turn = 0; turn < 400; turn++) {
        const conversation = conversations[Math.floor(random() * conversations.length)] ?? [];
        conversation.push(`turn${turn}`);
        routers[Math.floor(random() * routers.length)]?.use('r1', conversation);
        advance(hub, routers, 40);
      }
      advance(hub, routers, 20_000);
      for (const conversation of conversations) {
        const { keys } = prompt(conversation);
        const held = routers.map(({ index }) => (index.match(['r1'], { keys })[0]?.block ?? -1) + 1);
        // At most the last few news of a conversation may still be missing.
        expect(Math.min(...held)).toBeGreaterThanOrEqual(keys.length - 3);
      }
    },
  );
});
