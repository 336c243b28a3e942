import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { AppError } from '#shared/contract/errors.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { createApiMetrics } from './metrics.ts';
import { intentEntry, specDocument } from '#shared/testing/documents.ts';
import type { AuditedDocument } from './audit-lines.ts';
import type { PreparedIntent } from './commit-intent.ts';
import { Committer } from './committer.ts';
import { MemoryDesiredLog } from '../testing/memory-desired-log.ts';

const budgetMs = 15_000;

function startCommitter(bounds: { pendingMax?: number; batchesMax?: number } = {}) {
  const log = new MemoryDesiredLog();
  const clock = createTestClock();
  const metrics = createApiMetrics(new Registry());
  const told: AuditedDocument[] = [];
  const auditor = {
    tell: (document: AuditedDocument) => void told.push(document),
    settle: () => Promise.reject(new AppError('unavailable')),
    settleOrTell: () => Promise.resolve(),
  };
  const options = { log, clock, metrics, auditor, budgetMs, newBatchId: () => 'b', random: () => 0.5 };
  const committer = new Committer({ ...options, pendingMax: 256, batchesMax: 16, ...bounds });
  return { log, clock, metrics, committer, told };
}

function create(number: number): PreparedIntent {
  const intentId = `00000000-0000-8001-8000-${String(number).padStart(12, '0')}`;
  const spec = specDocument({ intents: [intentEntry({ intentId, bodyHash: 'h' })] });
  return {
    intentId,
    bodyHash: 'h',
    others: [{ subject: `fairway.name.alpha.${number}`, body: {}, expectedSeq: 0 }],
    carrier: { subject: `fairway.spec.${number}`, body: spec, expectedSeq: 0 },
    leaving: null,
  };
}

/** A log whose answers wait until they are let go. */
function holdWrites(log: MemoryDesiredLog): { most: () => number; letGo: () => void } {
  const write = log.write.bind(log);
  const held: (() => void)[] = [];
  let now = 0;
  let most = 0;
  log.write = async (writes) => {
    now += 1;
    most = Math.max(most, now);
    await new Promise<void>((go) => held.push(go));
    now -= 1;
    return write(writes);
  };
  return { most: () => most, letGo: () => held.splice(0).forEach((go) => go()) };
}

describe('a committer', () => {
  it('refuses more than its bound of pending changes, and takes them again afterwards', async () => {
    const { committer, log, clock } = startCommitter({ pendingMax: 2 });
    const { letGo } = holdWrites(log);
    const first = [committer.commit(create(1)), committer.commit(create(2))];
    await expect(committer.commit(create(3))).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 2000 });
    await clock.advance(0);
    letGo();
    expect((await Promise.all(first)).map(({ kind }) => kind)).toEqual(['committed', 'committed']);
    const again = committer.commit(create(3));
    await clock.advance(0);
    letGo();
    expect((await again).kind).toBe('committed');
  });

  it('keeps its batches in flight within their bound, in turn', async () => {
    const { committer, log, clock } = startCommitter({ batchesMax: 3 });
    const { most, letGo } = holdWrites(log);
    let done = 0;
    const all = Array.from({ length: 10 }, (_, index) => committer.commit(create(index)).finally(() => (done += 1)));
    while (done < 10) {
      await clock.advance(0);
      letGo();
    }
    expect((await Promise.all(all)).every(({ kind }) => kind === 'committed')).toBe(true);
    expect(most()).toBe(3);
  });

  it('refuses a batch that gets no turn within the budget: nothing was sent', async () => {
    const { committer, log, clock } = startCommitter({ batchesMax: 1 });
    const { letGo } = holdWrites(log);
    const holder = committer.commit(create(1));
    const waiter = committer.commit(create(2)).catch((error: unknown) => error);
    await clock.advance(budgetMs / 3 + 1);
    expect(await waiter).toMatchObject({ code: 'overloaded' });
    letGo();
    expect((await holder).kind).toBe('committed');
    expect(log.history).toHaveLength(2);
    const next = committer.commit(create(3));
    await clock.advance(0);
    letGo();
    expect((await next).kind).toBe('committed');
  });

  it('has the line of a stored intent written, but not where another process has stored it', async () => {
    const { committer, log, told } = startCommitter();
    const intent = create(1);
    await committer.commit(intent);
    expect(told).toEqual([{ document: intent.carrier.body, revision: 2 }]);
    log.faults = ['ackLost'];
    expect(await committer.commit(create(2))).toMatchObject({ kind: 'committed', at: 77 });
    expect(told).toHaveLength(1);
  });

  it('lets no intent leave without its line, unless the change is accepted in any case', async () => {
    const { committer, log } = startCommitter();
    const leaving = { document: specDocument(), revision: 1 };
    const refused = { ...create(1), leaving: { ...leaving, anyway: false } };
    await expect(committer.commit(refused)).rejects.toMatchObject({ code: 'unavailable' });
    expect(log.history).toEqual([]);
    await committer.commit({ ...refused, leaving: { ...leaving, anyway: true } });
    expect(log.history).toHaveLength(2);
  });

  it('refuses creates and updates above 80 % of the log', () => {
    const { committer, log } = startCommitter();
    log.fill = 0.79;
    expect(() => committer.requireRoom()).not.toThrow();
    log.fill = 0.8;
    expect(() => committer.requireRoom()).toThrow(expect.objectContaining({ code: 'store_full', status: 503 }));
  });

  it('turns what stays unknown into a 503 with the intent, and a full log into store_full', async () => {
    const { committer, log, clock } = startCommitter();
    log.faults = ['full'];
    await expect(committer.commit(create(1))).rejects.toMatchObject({ code: 'store_full' });
    log.write = () => Promise.resolve({ kind: 'doubtful', reason: 'time-out' });
    const unknown = committer.commit(create(2)).catch((error: unknown) => error);
    for (let spent = 0; spent <= budgetMs; spent += 500) await clock.advance(500);
    expect(await unknown).toMatchObject({ code: 'outcome_unknown', details: { intent_id: create(2).intentId } });
  });
});
