import { describe, expect, test } from 'vitest';
import { beatMs, type LedgerChannel } from './ledger-channel.ts';
import type { LedgerMessage } from './ledger-message.ts';
import { noLoad } from '../replicas/replica-view.ts';

/** One medium that channels are opened on, and its faults. */
export interface LedgerMedium extends AsyncDisposable {
  open(router: string): LedgerChannel;
  /** Lets time pass until `look` no longer throws. */
  eventually(look: () => void): Promise<void>;
  /** Makes the medium unreachable for all. */
  cut(): Promise<void>;
  heal(): Promise<void>;
}

const row = (from: string, seq: number): Extract<LedgerMessage, { kind: 'row' }> => ({
  kind: 'row',
  from,
  row: {
    router: from,
    epoch: 1,
    seq,
    replicas: { r1: { ...noLoad, inFlight: seq, prefillSecondsLeft: 0.25, prefillDoneIn: 0.5 } },
  },
  ageMs: 0,
});
/** The same, a while later. */
const agedRow = (from: string, seq: number): object => ({ ...row(from, seq), ageMs: expect.any(Number) });

const flows: LedgerMessage = {
  kind: 'flows',
  from: 'a',
  served: { router: 'a', epoch: 1, seq: 7, flows: new Map([['0123456789abcdef', 1234.5]]) },
};

const news: LedgerMessage = {
  kind: 'news',
  from: 'a',
  news: {
    replica: 'r1',
    parentTip: 0xffff_ffff_ffff_ffffn,
    newKeys: BigUint64Array.of(1n, 0xfedc_ba98_7654_3210n),
    newBytes: Uint32Array.of(1024, 7),
    touchedTip: 0xfedc_ba98_7654_3210n,
    generated: { promptTokens: 5, tokens: 3, bytes: 9 },
  },
};

const bare: LedgerMessage = {
  kind: 'news',
  from: 'a',
  news: {
    replica: 'r1',
    parentTip: 0n,
    newKeys: new BigUint64Array(),
    newBytes: new Uint32Array(),
    touchedTip: 0n,
  },
};

const ask: LedgerMessage = { kind: 'ask', from: 'a', to: 'b', replica: 'r1', offset: 7 };

const piece: LedgerMessage = {
  kind: 'index-piece',
  from: 'a',
  to: 'b',
  replica: 'r1',
  offset: 7,
  last: true,
  keys: BigUint64Array.of(5n, 6n),
  parents: BigUint64Array.of(0n, 5n),
  bytes: Uint32Array.of(10, 20),
};

const look: LedgerMessage = {
  kind: 'look',
  from: 'a',
  replica: 'r1',
  process: '127.0.0.1 1 0',
  ageMs: 1.5,
  health: 'healthy',
  signals: { running: 1, kvUse: 0.5, residentAdapters: ['law'] },
  cache: { heldTokens: 7 },
};

const kept = {
  kind: 'kept',
  from: 'a',
  key: 'f'.repeat(64),
  replica: 'r1',
  process: '127.0.0.1 1 0',
  root: 0xfedc_ba98_7654_3210n,
  tip: 1n,
  bytes: 7,
  ageMs: 1.5,
} as const satisfies LedgerMessage;

/** What every LedgerChannel does. `createMedium` makes a fresh medium without faults. */
export function describeLedgerChannel(name: string, createMedium: () => Promise<LedgerMedium>): void {
  describe(name, () => {
    test('carries every kind of message, unchanged and in order, to all others or to the one it is for', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await using b = medium.open('b');
      await using c = medium.open('c');
      const heard = record({ a, b, c });
      await medium.eventually(() => expect([a.up(), b.up(), c.up()]).toEqual([true, true, true]));
      const toAll = [news, bare, kept, flows, look];
      const messages: LedgerMessage[] = [...toAll, ask, piece];
      for (const message of messages) a.publish(message);
      await medium.eventually(() => {
        expect(heard.b.filter(isWord)).toEqual(messages);
        expect(heard.c.filter(isWord)).toEqual(toAll);
      });
      expect(heard.a.filter(({ from }) => from === 'a')).toEqual([]);
    });

    test('is up once it hears itself', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      expect(a.up()).toBe(false);
      await medium.eventually(() => expect(a.up()).toBe(true));
    });

    test('of many rows the newest arrives', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await using b = medium.open('b');
      const heard = record({ b });
      await medium.eventually(() => expect(a.up() && b.up()).toBe(true));
      for (let seq = 1; seq <= 100; seq++) a.publish(row('a', seq));
      await medium.eventually(() =>
        expect(heard.b.filter(({ kind }) => kind === 'row').at(-1)).toEqual(agedRow('a', 100)),
      );
    });

    test('of a row that changes often its last state arrives', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await using b = medium.open('b');
      const heard = record({ b });
      await medium.eventually(() => expect(a.up() && b.up()).toBe(true));
      for (let seq = 1; seq <= 100; seq++) a.rowChanged(() => row('a', seq).row);
      await medium.eventually(() =>
        expect(heard.b.filter(({ kind }) => kind === 'row').at(-1)).toEqual(agedRow('a', 100)),
      );
    });

    test('a row reaches who comes later, again and again, and tells how old it is', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await medium.eventually(() => expect(a.up()).toBe(true));
      a.publish(row('a', 3));
      await using b = medium.open('b');
      const heard = record({ b });
      await medium.eventually(() => expect(heard.b.filter(({ kind }) => kind === 'row').length).toBeGreaterThan(2));
      expect(heard.b.filter(({ from }) => from === 'a')).toEqual(heard.b.map(() => agedRow('a', 3)));
      const ages = heard.b.flatMap((message) => (message.kind === 'row' ? message.ageMs : []));
      expect(ages).toEqual(ages.toSorted((one, other) => one - other));
      expect((ages.at(-1) ?? 0) - (ages[0] ?? 0)).toBeGreaterThan(beatMs / 2);
    });

    test('says that it is down while the medium is, takes what is published meanwhile, and comes back', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await using b = medium.open('b');
      const heard = record({ b });
      await medium.eventually(() => expect(a.up() && b.up()).toBe(true));
      await medium.cut();
      await medium.eventually(() => expect(a.up() || b.up()).toBe(false));
      for (let seq = 1; seq <= 50; seq++) {
        a.publish(row('a', seq));
        a.publish(news);
      }
      await medium.heal();
      await medium.eventually(() => expect(a.up() && b.up()).toBe(true));
      await medium.eventually(() => expect(heard.b.at(-1)).toEqual(agedRow('a', 50)));
      a.publish(ask);
      await medium.eventually(() => expect(heard.b).toContainEqual(ask));
    });

    test('who has unsubscribed or is closed hears nothing more, and a closed channel says nothing', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      const b = medium.open('b');
      await using c = medium.open('c');
      const heard = record({ b, c });
      const extra: LedgerMessage[] = [];
      c.subscribe((message) => extra.push(message))();
      await medium.eventually(() => expect(a.up() && b.up() && c.up()).toBe(true));
      await b[Symbol.asyncDispose]();
      b.publish(bare);
      a.publish(news);
      await medium.eventually(() => expect(heard.c).toContainEqual(news));
      expect(heard.b).not.toContainEqual(news);
      expect(heard.c).not.toContainEqual(bare);
      expect(extra).toEqual([]);
    });
  });
}

/** Not a beat. */
const isWord = ({ kind }: LedgerMessage): boolean => kind !== 'row' && kind !== 'hello';

function record<Name extends string>(channels: Record<Name, LedgerChannel>): Record<Name, LedgerMessage[]> {
  const heard: Partial<Record<Name, LedgerMessage[]>> = {};
  for (const name in channels) {
    const messages: LedgerMessage[] = [];
    heard[name] = messages;
    channels[name].subscribe((message) => messages.push(message));
  }
  return heard as Record<Name, LedgerMessage[]>;
}
