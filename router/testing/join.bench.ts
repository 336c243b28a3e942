import { encodeBatch } from '../ledger/ledger-codec.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import { PrefixSync, type PrefixSyncLimits } from '../ledger/prefix-sync.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { MemoryLedgerHub } from './memory-ledger-channel.ts';

/**
 * Run: node router/testing/join.bench.ts (seconds). What a router that joins costs the one that it asks: work within one push
 * (10 ms), the median and the longest, and how long the join takes in virtual time, against asking for everything at once.
 */
const [replicas, blocks] = [32, 16_000];
const names = Array.from({ length: replicas }, (_, at) => `r${at}`);

function indexOf(fill: boolean): PrefixIndex {
  const index = new PrefixIndex(() => 0);
  index.setReplicas(new Map(names.map((name) => [name, 1e12])));
  let key = 0n;
  for (const replica of fill ? names : [])
    for (let prompt = 0; prompt < blocks / 100; prompt++) {
      const keys = BigUint64Array.from({ length: 100 }, () => (key += 0x9e37_79b9_7f4a_7c15n));
      index.insert(replica, { keys, bytesUpTo: Float64Array.from(keys, (_, at) => at * 1000 + 1000), firstUserEnd: 0 });
    }
  return index;
}

function measure(limits: Partial<PrefixSyncLimits>): Record<'medianMs' | 'longestMs' | 'joinMs', number> {
  const hub = new MemoryLedgerHub({ seed: 1, lagMs: 10 });
  const spent = new Map<number, number>();
  const open = (router: string, epoch: number, index: PrefixIndex): PrefixSync => {
    const channel = hub.open(router);
    const publish = (message: LedgerMessage): void => {
      encodeBatch({ sender: router, messages: [message] });
      channel.publish(message);
    };
    const peers = (): { router: string; epoch: number }[] => [{ router: 'old', epoch: 1 }];
    const sync = new PrefixSync({ router, epoch, index, publish, peers, limits });
    channel.subscribe((message) => {
      const from = performance.now();
      sync.hear(message, hub.now());
      const push = Math.floor(hub.now() / 10);
      if (router === 'old') spent.set(push, (spent.get(push) ?? 0) + performance.now() - from);
    });
    return sync;
  };
  const full = indexOf(true);
  open('old', 1, full);
  const fresh = indexOf(false);
  const joining = open('new', 2, fresh);
  joining.setReplicas(names, 0);
  while (fresh.size().blocks < full.size().blocks && hub.now() < 60_000) {
    hub.advance(10);
    if (hub.now() % 250 === 0) joining.tick(hub.now(), true);
  }
  const costs = [...spent.values()].filter((ms) => ms > 0.1).toSorted((a, b) => a - b);
  return { medianMs: costs[costs.length >> 1] ?? 0, longestMs: costs.at(-1) ?? 0, joinMs: hub.now() };
}

const atOnce: Partial<PrefixSyncLimits> = { pieceBlocks: 4096, askingMax: 64, piecesMax: 400, piecesMs: 1000 };
measure({});
const runs = { 'at once': measure(atOnce), 'as it is': measure({}) };
console.log(`${replicas} replicas of ${blocks} blocks`);
for (const [name, { medianMs, longestMs, joinMs }] of Object.entries(runs))
  console.log(
    `${name}: ${medianMs.toFixed(1)} ms per push, at most ${longestMs.toFixed(1)}, joined after ${joinMs} ms`,
  );
console.log(`the longest: ${(runs['as it is'].longestMs / runs['at once'].longestMs).toFixed(2)} of that at once`);
