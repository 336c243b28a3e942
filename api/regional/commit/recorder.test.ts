import { describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import type { DocumentWrite, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { createRecorder, type MutationRecord } from './recorder.ts';

const endpointId = '00000000-0000-8001-8000-000000000001';
const common = { v: 1, endpointId, team: 'alpha', at: '2026-11-22T00:00:00.000Z', actor: 'a', revision: 3 } as const;
const record: MutationRecord = {
  audit: { ...common, action: 'create', intentId: 'i', requestId: 'r', summary: 's' },
  event: { ...common, type: 'Created', phase: 'desired', reason: 'Accepted', message: 'm', hint: '' },
};

function startRecorder(outcomes: WriteOutcome['kind'][], waitingMax = 10) {
  const clock = createTestClock();
  const written: DocumentWrite[] = [];
  let lost = 0;
  const recorder = createRecorder({
    clock,
    log: silentLogger(),
    waitingMax,
    budgetMs: 10_000,
    onLost: () => (lost += 1),
    write: (write) => {
      written.push(write);
      const kind = outcomes.shift() ?? 'stored';
      return Promise.resolve(kind === 'stored' ? { kind, seqs: [1] } : { kind, reason: 'why' });
    },
  });
  return { clock, recorder, written, lost: () => lost };
}

describe('a recorder', () => {
  it('writes the audit line and the event, again after a failure, under the same message id', async () => {
    const { clock, recorder, written, lost } = startRecorder(['doubtful', 'full']);
    recorder.record(record);
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(500);
    expect(written.map(({ messageId }) => messageId)).toEqual(['audit-i-3', 'audit-i-3', 'audit-i-3', 'event-i-3']);
    expect(lost()).toBe(0);
  });

  it('counts what it gives up, and what has no room, and never throws', async () => {
    const { clock, recorder, lost } = startRecorder(
      Array.from({ length: 1000 }, () => 'doubtful'),
      2,
    );
    for (let index = 0; index < 3; index += 1) recorder.record(record);
    expect(lost()).toBe(1);
    for (let turn = 0; turn < 40; turn += 1) await clock.advance(500);
    expect(lost()).toBe(3);
  });

  it('finishes what waits when it ends, within two seconds', async () => {
    const { clock, recorder, written, lost } = startRecorder(Array.from({ length: 1000 }, () => 'doubtful'));
    recorder.record(record);
    const ended = recorder[Symbol.asyncDispose]();
    for (let turn = 0; turn < 8; turn += 1) await clock.advance(500);
    await ended;
    expect([written.length > 0, lost()]).toEqual([true, 1]);
  });
});
