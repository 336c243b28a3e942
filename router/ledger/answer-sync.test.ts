import { describe, expect, test } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { KeptAnswers } from '../replicas/kept-answers.ts';
import { MemoryLedgerHub } from '../testing/memory-ledger-channel.ts';
import { AnswerSync } from './answer-sync.ts';

const answer = { replica: 'r1', process: 'p1', root: 7n, tip: 8n, bytes: 100 };

/** Routers that hear each other after 20 ms. */
function make() {
  const clock = createTestClock(0);
  const hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
  const open = (router: string, isHeard = () => true) => {
    const channel = hub.open(router);
    const answers = new KeptAnswers({ answersMax: 1000, ttlMs: 60_000 });
    const sync = new AnswerSync({ router, answers, publish: (message) => channel.publish(message), isHeard, clock });
    channel.subscribe((message) => sync.hear(message));
    return { channel, sync };
  };
  const advance = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      hub.advance(10);
      await clock.advance(10);
    }
  };
  return { open, advance, clock };
}

describe('who keeps an answer', () => {
  test('is known where it was given at once, and to the others when they hear of it', async () => {
    const { open, advance } = make();
    const [a, b] = [open('a'), open('b')];
    a.sync.keep('k', answer);
    expect(await a.sync.find('k', 'p')).toEqual(answer);
    const early = b.sync.find('k', 'p');
    await advance(20);
    expect(await early).toEqual(answer);
    expect(await b.sync.find('k', 'p')).toEqual(answer);
  });

  test('is asked for by who did not hear of it, with its age', async () => {
    const { open, advance, clock } = make();
    const a = open('a');
    a.sync.keep('k', answer);
    await advance(30_000);
    const late = open('late');
    const found = Promise.all([late.sync.find('k', 'p'), late.sync.find('k', 'p')]);
    await advance(40);
    expect(await found).toEqual([answer, answer]);
    await advance(30_000);
    const over = Promise.all([a.sync.find('k', 'p'), late.sync.find('k', 'p')]);
    await advance(250);
    expect([await over, clock.monotonic()]).toEqual([[undefined, undefined], 60_290]);
  });

  test('is not waited for when nobody hears, or while too many are asked for', async () => {
    const { open, advance } = make();
    expect(await open('alone', () => false).sync.find('k', 'p')).toBeUndefined();
    const { sync } = open('a');
    const asked = Array.from({ length: 2000 }, (_, at) => sync.find(String(at), 'flood'));
    expect(sync.refused).toBeGreaterThan(1000);
    const before = sync.refused;
    const other = sync.find('k', 'other');
    expect(sync.refused).toBe(before);
    await advance(250);
    expect(new Set(await Promise.all([...asked, other]))).toEqual(new Set([undefined]));
    const again = sync.find('k', 'flood');
    expect(sync.refused).toBe(before);
    await advance(250);
    await again;
  });
});
