import { describe, expect, test } from 'vitest';
import { hashText } from '../scan/hash64.ts';
import type { LedgerMessage } from './ledger-message.ts';
import { MemoryLedgerHub } from './memory-ledger-channel.ts';
import { PrefixExchange } from './prefix-sync.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

const BLOCK = 100;

function prompt(path: readonly string[]) {
  const keys = path.map((_, i) => hashText(path.slice(0, i + 1).join('/'), 1n));
  return {
    keys: BigUint64Array.from(keys),
    bytesUpTo: Float64Array.from(keys, (_, i) => (i + 1) * BLOCK),
    firstUserEnd: 1,
  };
}

/** A router with nothing but its index. */
function join(hub: MemoryLedgerHub, router: string) {
  const channel = hub.open(router);
  const index = new PrefixIndex({ capacityBytes: () => 5000 * BLOCK });
  const said: LedgerMessage[] = [];
  const publish = (message: LedgerMessage): void => {
    said.push(message);
    channel.publish(message);
  };
  const exchange = new PrefixExchange({ router, index, publish, pieceBlocks: 16 });
  channel.subscribe((message) => exchange.handle(message, hub.now()));
  const use = (replica: string, path: readonly string[]): void =>
    exchange.announce(index.insert(replica, prompt(path)));
  return { channel, index, exchange, use, said };
}

describe('PrefixExchange', () => {
  test('a router that was cut off gets what it missed, in pieces, at the first news after it', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const [a, b] = [join(hub, 'a'), join(hub, 'b')];
    b.channel.setCut(true);
    const path = Array.from({ length: 50 }, (_, i) => `m${i}`);
    a.use('r1', path);
    hub.advance(100);
    b.channel.setCut(false);
    a.use('r1', [...path, 'next']);
    hub.advance(200);
    expect(b.index.blocks('r1')).toHaveLength(51);
    expect(a.said.filter(({ kind }) => kind === 'index-piece')).toHaveLength(4);
    a.use('r1', [...path, 'next', 'last']);
    hub.advance(100);
    expect(b.exchange.gaps).toBe(1);
    expect(b.index.blocks('r1').map(({ key }) => key)).toEqual(a.index.blocks('r1').map(({ key }) => key));
  });

  test('a storm of gaps asks once a second, and gives once a second', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const [a, b] = [join(hub, 'a'), join(hub, 'b')];
    const gap = (): void =>
      b.exchange.handle(
        {
          kind: 'news',
          from: 'a',
          news: {
            replica: 'r1',
            parentTip: 77n,
            newKeys: BigUint64Array.of(78n),
            newBytes: Uint32Array.of(1),
            touchedTip: 78n,
          },
        },
        hub.now(),
      );
    for (let i = 0; i < 100; i++) gap();
    expect(b.said).toEqual([{ kind: 'ask', from: 'b', to: 'a', replica: 'r1' }]);
    a.use('r1', ['x']);
    for (let i = 0; i < 100; i++) a.exchange.handle({ kind: 'ask', from: 'b', to: 'a', replica: 'r1' }, hub.now());
    expect(a.said.filter(({ kind }) => kind === 'index-piece')).toHaveLength(1);
    hub.advance(1000);
    gap();
    expect(b.said).toHaveLength(2);
  });

  test('a new router gets an index by asking for it', () => {
    const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
    const a = join(hub, 'a');
    a.use('r1', ['x', 'y']);
    const b = join(hub, 'b');
    b.exchange.ask('a', 'r1', hub.now());
    hub.advance(100);
    expect(b.index.blocks('r1')).toEqual(a.index.blocks('r1'));
    expect(b.exchange.gaps).toBe(0);
  });

  test.each([1, 2, 3])('indexes agree in the end, whatever is lost, doubled or overtaken (seed %i)', (seed) => {
    const hub = new MemoryLedgerHub({ seed, lagMs: 20, jitterMs: 60, loss: 0.1, duplication: 0.1 });
    const routers = ['a', 'b', 'c'].map((router) => join(hub, router));
    const random = seededRandom(seed);
    const conversations = Array.from({ length: 20 }, (_, i) => ['sys', `user${i}`]);
    for (let turn = 0; turn < 400; turn++) {
      const conversation = conversations[Math.floor(random() * conversations.length)] ?? [];
      conversation.push(`turn${turn}`);
      routers[Math.floor(random() * routers.length)]?.use('r1', conversation);
      hub.advance(40);
    }
    hub.advance(2000);
    for (const conversation of conversations) {
      const { keys } = prompt(conversation);
      const held = routers.map(({ index }) => (index.match(['r1'], keys).get('r1')?.block ?? -1) + 1);
      // At most the last few news of a conversation may still be missing.
      expect(Math.min(...held)).toBeGreaterThanOrEqual(keys.length - 3);
    }
  });
});
