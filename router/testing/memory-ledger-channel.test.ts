import { describe, expect, test } from 'vitest';
import { describeLedgerChannel } from '../ledger/ledger-channel.contract.ts';
import type { LedgerMedium } from '../ledger/ledger-channel.contract.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import { MemoryLedgerHub } from './memory-ledger-channel.ts';
import type { MemoryLedgerChannel } from './memory-ledger-channel.ts';

const stepMs = 10;
const patienceMs = 10_000;

function createMedium(): Promise<LedgerMedium> {
  const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
  const channels: MemoryLedgerChannel[] = [];
  const setCut = (isCut: boolean): Promise<void> => {
    for (const channel of channels) channel.setCut(isCut);
    return Promise.resolve();
  };
  return Promise.resolve({
    open(router) {
      const channel = hub.open(router);
      channels.push(channel);
      return channel;
    },
    eventually(look) {
      for (;;) {
        try {
          return Promise.resolve(look());
        } catch (error) {
          if (hub.now() > patienceMs) throw error;
          hub.advance(stepMs);
        }
      }
    },
    cut: () => setCut(true),
    heal: () => setCut(false),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

describeLedgerChannel('MemoryLedgerChannel', createMedium);

describe('faults of the memory channel', () => {
  const ask = (replica: string): LedgerMessage => ({ kind: 'ask', from: 'a', to: 'b', replica, offset: 0 });
  const names = Array.from({ length: 1000 }, (_, i) => String(i));

  function heard(options: Partial<ConstructorParameters<typeof MemoryLedgerHub>[0]>): string[] {
    const hub = new MemoryLedgerHub({ seed: 7, lagMs: 50, ...options });
    const [a, b] = [hub.open('a'), hub.open('b')];
    const replicas: string[] = [];
    b.subscribe((message) => replicas.push(message.kind === 'ask' ? message.replica : ''));
    for (const name of names) a.publish(ask(name));
    hub.advance(400);
    return replicas.filter((name) => name !== '');
  }

  test('none by default: all, once, in order, after the lag', () => {
    expect(heard({})).toEqual(names);
    expect(heard({ lagMs: 401 })).toEqual([]);
  });

  test('loss, duplication and jitter are seeded', () => {
    const lossy = heard({ loss: 0.3 });
    expect(lossy.length).toBeGreaterThan(600);
    expect(lossy.length).toBeLessThan(800);
    expect(heard({ loss: 0.3 })).toEqual(lossy);
    expect(heard({ loss: 0.3, seed: 8 })).not.toEqual(lossy);
    expect(heard({ duplication: 0.3 }).length).toBeGreaterThan(1200);
    const late = heard({ jitterMs: 100 });
    expect(late).not.toEqual(names);
    expect(late.toSorted((x, y) => Number(x) - Number(y))).toEqual(names);
  });
});
