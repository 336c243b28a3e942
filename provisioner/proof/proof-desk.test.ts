import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import type { ProofRequest } from './prover.ts';
import { startProofDesk } from './proof-desk.ts';
import type { ProofStep, ProofOutcome } from './proof-record.ts';

const step: ProofStep = {
  kind: 'prove',
  key: 'replica/1/0',
  pool: 'p',
  specRevision: 1,
  replicaId: 'r',
  host: 'h',
  listenerUrls: ['http://a', 'http://b'],
  model: 'm',
};

function desk(answers: ProofOutcome[], concurrency = 8) {
  const clock = createTestClock();
  const asked: ProofRequest[] = [];
  const heard: ProofOutcome[] = [];
  const held: (() => void)[] = [];
  const prover = {
    async prove(proof: ProofRequest): Promise<ProofOutcome> {
      asked.push(proof);
      await new Promise<void>((resolve) => held.push(resolve));
      return answers.shift() ?? { ok: true };
    },
  };
  const backoff = { baseMs: 100, maxMs: 5000 };
  const onOutcome = (_endpointId: string, outcome: ProofOutcome): void => void heard.push(outcome);
  const made = startProofDesk({ prover, clock, concurrency, backoff, onOutcome, random: () => 1 });
  const answer = async (): Promise<void> => {
    held.shift()?.();
    await clock.advance(0);
  };
  return { made, clock, asked, heard, answer };
}

describe('the proof desk', () => {
  it('asks once at a time, remembers success, and says when it came', async () => {
    const { made, clock, asked, heard, answer } = desk([]);
    made.ask('e', step);
    made.ask('e', step);
    expect(asked).toHaveLength(1);
    expect(made.outcomes('e').size).toBe(0);
    await answer();
    expect(heard).toEqual([{ ok: true }]);
    expect(made.outcomes('e').get(step.key)).toEqual({ ok: true, at: clock.now(), failures: 0 });
    made.ask('e', step);
    expect(asked).toHaveLength(1);
  });

  it('asks again after a failure, later each time, at another router', async () => {
    const { made, clock, asked, answer } = desk([
      { ok: false, reason: 'no' },
      { ok: false, reason: 'no' },
    ]);
    for (const waitMs of [200, 300]) {
      made.ask('e', step);
      await answer();
      made.ask('e', step);
      await clock.advance(waitMs - 1);
      made.ask('e', step);
      await clock.advance(1);
    }
    made.ask('e', step);
    expect(asked.map(({ listenerUrl }) => listenerUrl)).toEqual(['http://a', 'http://b', 'http://a']);
  });

  it('asks again when a success has become stale, each time at the next router', async () => {
    const { made, clock, asked, answer } = desk([]);
    made.ask('e', step);
    await answer();
    await clock.advance(1000);
    made.ask('e', { ...step, staleAt: clock.now() - 1001 });
    expect(asked).toHaveLength(1);
    made.ask('e', { ...step, staleAt: clock.now() - 1000 });
    expect(asked.map(({ listenerUrl }) => listenerUrl)).toEqual(['http://a', 'http://b']);
    expect(made.outcomes('e').get(step.key)).toMatchObject({ ok: true, at: clock.now() - 1000 });
    await answer();
    expect(made.outcomes('e').get(step.key)).toMatchObject({ ok: true, at: clock.now() });
  });

  it('counts failures in a row, without those of a router that has no room, and begins anew after a success', async () => {
    const no = { ok: false, reason: 'no' } as const;
    const { made, clock, answer } = desk([no, { ...no, busy: true }, no, { ok: true }, no]);
    const [start, counted] = [clock.now(), [] as unknown[]];
    for (let round = 0; round < 5; round += 1) {
      made.ask('e', { ...step, staleAt: clock.now() });
      await clock.advance(1000);
      await answer();
      const record = made.outcomes('e').get(step.key);
      counted.push([record?.failures, record?.failingSince]);
      await clock.advance(9000);
    }
    // They count from when the first of them was asked for.
    const last = start + 40_000;
    expect(counted).toEqual([
      [1, start],
      [1, start],
      [2, start],
      [0, undefined],
      [1, last],
    ]);
  });

  it('knows since when it remembers an endpoint', async () => {
    const { made, clock } = desk([]);
    const first = clock.now();
    expect(made.since('e')).toBe(first);
    await clock.advance(1000);
    expect([made.since('e'), made.since('f')]).toEqual([first, first + 1000]);
    made.forget('e');
    expect(made.since('e')).toBe(first + 1000);
  });

  it('asks for no more than it may at once', () => {
    const { made, asked } = desk([], 1);
    made.ask('e', step);
    made.ask('f', step);
    expect(asked).toHaveLength(1);
  });

  it('forgets what nobody asks for any more', async () => {
    const { made, answer } = desk([]);
    made.ask('e', step);
    await answer();
    made.retain('e', new Set([step.key]));
    expect(made.outcomes('e').size).toBe(1);
    made.retain('e', new Set());
    expect(made.outcomes('e').size).toBe(0);
  });
});
