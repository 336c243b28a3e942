import { describe, expect, test } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { KeptAnswers } from '../replicas/kept-answers.ts';
import { MemoryAnswerShelf } from '../testing/memory-answer-store.ts';
import { MemoryLedgerHub } from '../testing/memory-ledger-channel.ts';
import type { AnswerStore } from './answer-store.ts';
import { AnswerSync } from './answer-sync.ts';

const answer = { replica: 'r1', process: 'p1', root: 7n, tip: 8n, bytes: 100 };
const limits = { answersMax: 1000, ttlMs: 60_000 };

/** Routers that hear each other after 20 ms, and one store. */
function make() {
  const clock = createTestClock(0);
  const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
  const shelf = new MemoryAnswerShelf(limits, clock);
  const open = (router: string, store: AnswerStore | undefined = shelf.open()) => {
    const channel = hub.open(router);
    const answers = new KeptAnswers(limits);
    const sync = new AnswerSync({ router, answers, publish: (message) => channel.publish(message), store, clock });
    channel.subscribe((message) => sync.hear(message));
    return { channel, sync };
  };
  const advance = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      hub.advance(10);
      await clock.advance(10);
    }
  };
  return { open, advance, clock, shelf };
}

/** A store that never answers. */
const silent: AnswerStore = { unwritten: 0, put() {}, get: () => new Promise(() => {}) };

describe('who keeps an answer', () => {
  test('is known at once where it was given and, without the store, where it was heard of', async () => {
    const { open, advance, shelf } = make();
    const [a, b] = [open('a'), open('b')];
    shelf.isCut = true;
    a.sync.keep('k', answer);
    expect(await a.sync.find('k', 'p')).toEqual(answer);
    await expect(b.sync.find('k', 'p')).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 2000 });
    await advance(20);
    expect(await b.sync.find('k', 'p')).toEqual(answer);
  });

  test('is in the store before its message has come, and when all who heard of it are gone, with its age', async () => {
    const { open, advance, clock } = make();
    const early = open('early');
    open('gone').sync.keep('k', answer);
    expect([await early.sync.find('k', 'p'), clock.monotonic()]).toEqual([answer, 0]);
    await advance(30_000);
    const late = open('late');
    expect(await late.sync.find('k', 'p')).toEqual(answer);
    // Who has heard of it counts from then.
    await advance(30_020);
    expect([await early.sync.find('k', 'p'), await late.sync.find('k', 'p')]).toEqual([undefined, undefined]);
  });

  test('is not waited for for ever; it is unknown only where the store has said so, and what comes meanwhile counts', async () => {
    const { open, advance, clock } = make();
    expect([await open('a').sync.find('none', 'p'), clock.monotonic()]).toEqual([undefined, 0]);
    const [b, c] = [open('b', silent), open('c', silent)];
    const asked = Promise.allSettled([b.sync.find('none', 'p'), b.sync.find('k', 'p')]);
    c.sync.keep('k', answer);
    await advance(1000);
    expect(await asked).toMatchObject([{ reason: { code: 'unavailable' } }, { value: answer }]);
  });

  test('is not looked for while too many are, but for those who have asked for little', async () => {
    const { open, advance } = make();
    const { sync } = open('a', silent);
    const find = (key: string, owner: string): Promise<unknown> =>
      sync.find(key, owner).catch(({ code }: { code: string }) => code);
    const asked = Array.from({ length: 2000 }, (_, at) => find(String(at), 'flood'));
    expect(sync.refused).toBeGreaterThan(1000);
    const before = sync.refused;
    const other = find('k', 'other');
    expect(sync.refused).toBe(before);
    await advance(1000);
    const told = await Promise.all(asked);
    expect([told.filter((code) => code === 'overloaded').length, new Set(told)]).toEqual([
      before,
      new Set(['unavailable', 'overloaded']),
    ]);
    const again = find('k', 'flood');
    expect(sync.refused).toBe(before);
    await advance(1000);
    expect([await other, await again]).toEqual(['unavailable', 'unavailable']);
  });

  test('is told again by its own router alone', () => {
    const { open, clock } = make();
    const [a, b] = [open('a'), open('b')];
    a.sync.keep('k', answer);
    b.sync.hear({ kind: 'kept', from: 'a', key: 'k', ...answer, ageMs: 0 });
    expect([[...a.sync.own()], [...b.sync.own()]]).toEqual([[{ key: 'k', answer, givenAt: clock.now() }], []]);
  });
});
