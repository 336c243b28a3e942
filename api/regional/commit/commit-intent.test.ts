import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IntentEntry, SpecDocument } from '#shared/contract/desired.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { intentEntry, specDocument } from '#shared/testing/documents.ts';
import { commitIntent, type CommitResult, type PreparedIntent } from './commit-intent.ts';
import { MemoryDesiredLog, type WriteFault } from '../testing/memory-desired-log.ts';

const subject = 'fairway.spec.e';
const nameSubject = 'fairway.name.alpha.n';
const budgetMs = 15_000;
const uuid = (number: number): string => `00000000-0000-8001-8000-${String(number).padStart(12, '0')}`;

const entry = (intentId: string, bodyHash = 'hash'): IntentEntry => intentEntry({ intentId, bodyHash });

/** A create of `intent`, or a change on top of the log's newest spec. */
function prepare(log: MemoryDesiredLog, intentId = uuid(1)): PreparedIntent {
  const previous = log.history.findLast((stored) => stored.subject === subject);
  const carried = previous === undefined ? [] : carry(previous.body, previous.seq);
  return {
    intentId,
    bodyHash: 'hash',
    others: previous === undefined ? [{ subject: nameSubject, body: {}, expectedSeq: 0 }] : [],
    carrier: {
      subject,
      body: specDocument({ intents: [...carried, entry(intentId)].slice(-32) }),
      expectedSeq: previous?.seq ?? 0,
    },
    leaving: null,
  };
}

function carry(body: unknown, seq: number): SpecDocument['intents'] {
  const { intents } = body as SpecDocument;
  return intents.map((known) => ({ ...known, revision: known.revision ?? seq }));
}

/** Another writer's change, in one go. */
function otherWriter(log: MemoryDesiredLog, number: number): void {
  log.store([prepare(log, uuid(number)).carrier]);
}

async function run(log: MemoryDesiredLog, intent: PreparedIntent): Promise<CommitResult> {
  const clock = createTestClock();
  let batch = 0;
  let result: CommitResult | undefined;
  const newBatchId = (): string => `b-${(batch += 1)}`;
  void commitIntent(intent, { log, clock, budgetMs, newBatchId, random: () => 0.5 }).then((done) => (result = done));
  for (let spent = 0; result === undefined && spent <= budgetMs + 100; spent += 50) await clock.advance(50);
  if (result === undefined) throw new Error('the commit did not end within its budget');
  return result;
}

describe('a commit', () => {
  it('is done with the PubAck', async () => {
    const log = new MemoryDesiredLog();
    expect(await run(log, prepare(log))).toEqual({ kind: 'committed', revision: 2, at: null, attempts: 1 });
    expect(log.written).toBe(1);
  });

  it('is found by reading when only the PubAck was lost', async () => {
    const log = new MemoryDesiredLog();
    log.faults = ['ackLost'];
    expect(await run(log, prepare(log))).toEqual({ kind: 'committed', revision: 2, at: 77, attempts: 1 });
    expect(log.written).toBe(1);
  });

  it('is published again, the same, when it was lost', async () => {
    const log = new MemoryDesiredLog();
    log.faults = ['lost', 'lost'];
    expect(await run(log, prepare(log))).toMatchObject({ kind: 'committed', revision: 2, attempts: 3 });
  });

  it('is stored once when a late copy arrives after the second', async () => {
    const log = new MemoryDesiredLog();
    log.faults = ['late'];
    expect(await run(log, prepare(log))).toMatchObject({ kind: 'committed', attempts: 2 });
    log.deliverLate();
    expect(log.history.filter((stored) => stored.subject === subject)).toHaveLength(1);
  });

  it('keeps its revision when others wrote on top of it', async () => {
    const log = new MemoryDesiredLog();
    log.faults = ['ackLost'];
    const reads = log.last.bind(log);
    log.last = (of) => {
      if (log.history.length < 5) otherWriter(log, log.history.length + 10);
      return reads(of);
    };
    expect(await run(log, prepare(log))).toMatchObject({ kind: 'committed', revision: 2 });
  });

  it('is moved when another writer came first', async () => {
    const log = new MemoryDesiredLog();
    log.store([prepare(log).carrier]);
    const intent = prepare(log, uuid(2));
    log.faults = ['lost'];
    log.beforeWrite = () => {
      if (log.written === 1) otherWriter(log, 3);
    };
    expect(await run(log, intent)).toEqual({ kind: 'moved', subject });
  });

  it('is moved by the name alone, when that was claimed in between', async () => {
    const log = new MemoryDesiredLog();
    const intent = prepare(log);
    log.store([{ subject: nameSubject, body: {} }]);
    expect(await run(log, intent)).toEqual({ kind: 'moved', subject: nameSubject });
  });

  it('is a mismatch when its id stands there with another body', async () => {
    const log = new MemoryDesiredLog();
    const intent = prepare(log);
    log.store([{ subject, body: specDocument({ intents: [entry(uuid(1), 'other hash')] }) }]);
    expect(await run(log, intent)).toEqual({ kind: 'mismatch' });
  });

  it('is full only when no attempt is in doubt', async () => {
    const first = new MemoryDesiredLog();
    first.faults = ['full'];
    expect(await run(first, prepare(first))).toEqual({ kind: 'full' });
    const second = new MemoryDesiredLog();
    second.faults = ['lost', ...Array.from({ length: 500 }, (): WriteFault => 'full')];
    expect(await run(second, prepare(second))).toEqual({ kind: 'unknown' });
  });

  it('is unknown when neither is seen within the budget, and when an answer never comes', async () => {
    const log = new MemoryDesiredLog();
    log.faults = Array.from({ length: 500 }, (): WriteFault => 'lost');
    expect(await run(log, prepare(log))).toEqual({ kind: 'unknown' });
    expect(log.written).toBeLessThan(60);
    const silent = new MemoryDesiredLog();
    silent.write = () => new Promise(() => {});
    expect(await run(silent, prepare(silent))).toEqual({ kind: 'unknown' });
  });

  it('goes on when the leader cannot be read', async () => {
    const log = new MemoryDesiredLog();
    log.faults = ['ackLost'];
    log.readsLost = 3;
    expect(await run(log, prepare(log))).toMatchObject({ kind: 'committed', revision: 2 });
  });

  it('does not take a list that has been cut for proof, unless its only attempt was refused', async () => {
    for (const fault of ['lost', undefined] as const) {
      const log = new MemoryDesiredLog();
      log.store([prepare(log).carrier]);
      const intent = prepare(log, uuid(2));
      if (fault !== undefined) log.faults = [fault];
      log.beforeWrite = () => {
        if (log.written === 1) for (let number = 100; number < 140; number += 1) otherWriter(log, number);
      };
      expect((await run(log, intent)).kind).toBe(fault === undefined ? 'moved' : 'unknown');
    }
  });

  it('holds under every order of faults: committed is stored once, moved is never stored', async () => {
    const fault = fc.constantFrom<WriteFault | undefined>('ackLost', 'lost', 'late', 'full', undefined);
    const step = fc.record({ fault, other: fc.boolean(), readsLost: fc.nat(2), deliver: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.boolean(), async (steps, create) => {
        const log = new MemoryDesiredLog();
        if (!create) log.store([prepare(log, uuid(9)).carrier]);
        const intent = prepare(log, uuid(1));
        log.beforeWrite = () => {
          const now = steps[log.written - 1];
          if (now === undefined) return;
          if (now.deliver) log.deliverLate();
          if (now.other) otherWriter(log, 100 + log.written);
          log.readsLost = now.readsLost;
          log.faults = now.fault === undefined ? [] : [now.fault];
        };
        const result = await run(log, intent);
        log.deliverLate();
        const first = log.history.filter(({ body }) => isOwn(body, intent.intentId));
        if (result.kind === 'committed') expect(first.map(({ seq }) => seq)).toEqual([result.revision]);
        else if (result.kind !== 'unknown') expect(first).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

/** The document that this intent itself wrote: its own entry has no revision yet. */
function isOwn(body: unknown, intentId: string): boolean {
  const { intents = [] } = body as Partial<SpecDocument>;
  return intents.some((known) => known.intentId === intentId && known.revision === null);
}
