import { describe, expect, it } from 'vitest';
import { auditDocumentSchema } from '#shared/contract/audit.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { createLogger } from '#shared/runtime/log.ts';
import type { DocumentWrite, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import { accessDocument, intentEntry, specDocument } from '#shared/testing/documents.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { MemoryDesiredLog } from '../testing/memory-desired-log.ts';
import type { AuditedDocument } from './audit-lines.ts';
import { Auditor } from './auditor.ts';

const uuid = (number: number): string => `00000000-0000-8001-8000-${String(number).padStart(12, '0')}`;
const endpointId = uuid(1);

function start(store = new MemoryDesiredLog(), since = 0) {
  const clock = createTestClock();
  const outcomes: WriteOutcome['kind'][] = [];
  let due = 0;
  const auditLog = {
    write: async (write: DocumentWrite): Promise<WriteOutcome> => {
      const kind = outcomes.shift();
      return kind === undefined || kind === 'stored' ? store.write([write]) : { kind, reason: 'for the test' };
    },
    last: (subject: string) => store.last(subject),
    completeSince: () => Promise.resolve(since),
    onRefused: () => {},
  };
  const lines: string[] = [];
  const auditor = new Auditor({
    auditLog,
    drainTimeoutMs: 2000,
    clock,
    log: createLogger('test', { destination: { write: (line) => void lines.push(line) } }),
    random: () => 0.5,
    due: { set: (count: number) => void (due = count) },
  });
  /** Intents number 1 to `count`; the last one is that of this write. */
  const document = (count: number, ageMs = 0): AuditedDocument => {
    const intents = Array.from({ length: count }, (_, index) =>
      intentEntry({
        intentId: uuid(10 + index),
        verb: index === 0 ? 'create' : 'scale',
        at: clock.now() - ageMs,
        revision: index === count - 1 ? null : 10 * (index + 1),
      }),
    );
    return { document: specDocument({ endpointId, intents }), revision: 10 * count };
  };
  const told = (): (string | number)[][] =>
    store.history
      .filter(({ subject }) => subject.startsWith('fairway.audit.'))
      .map(({ body }) => auditDocumentSchema.parse(body))
      .map(({ action, revision }) => [action, revision]);
  const events = (): number => store.history.filter(({ subject }) => subject === subjects.event(endpointId)).length;
  return { lines, clock, auditor, document, told, events, outcomes, store, due: () => due };
}

/** Access of which three tokens were made, at revisions 15, 25 and 35. */
function changedAccess(at: number, count = 3): AuditedDocument {
  const intents = Array.from({ length: count }, (_, index) =>
    intentEntry({
      intentId: uuid(50 + index),
      verb: 'create_token',
      at,
      revision: index === count - 1 ? null : 15 + 10 * index,
    }),
  );
  const access = accessDocument({ endpointId, vpcId: uuid(2), hashes: [] });
  return { document: { ...access, intents }, revision: 5 + 10 * count };
}

describe('the auditor', () => {
  it('writes a line and an event for each stored intent, once and in order', async () => {
    const { clock, auditor, document, told, events, due } = start();
    auditor.tell(document(1));
    await clock.advance(0);
    expect(told()).toEqual([['create', 10]]);
    auditor.tell(document(3));
    auditor.tell(document(3));
    auditor.look(document(3));
    await clock.advance(60_000);
    expect(told()).toEqual([
      ['create', 10],
      ['scale', 20],
      ['scale', 30],
    ]);
    expect([events(), due()]).toEqual([3, 0]);
  });

  it('follows each document of an endpoint by itself, and tells what is due of both in their order', async () => {
    const { clock, auditor, document, told, store } = start();
    auditor.tell(document(2));
    await clock.advance(0);
    auditor.tell(changedAccess(clock.now(), 1));
    await clock.advance(0);
    expect(told().map(([, revision]) => revision)).toEqual([10, 20, 15]);
    auditor.look(document(4));
    auditor.look(changedAccess(clock.now()));
    await clock.advance(60_000);
    expect(told().map(([, revision]) => revision)).toEqual([10, 20, 15, 25, 30, 35, 40]);
    for (const kind of ['spec', 'access'] as const) {
      const lines = store.history.filter(({ subject }) => subject === subjects.audit(kind, endpointId));
      expect(lines.map(({ body }) => auditDocumentSchema.parse(body).document)).toEqual(lines.map(() => kind));
    }
  });

  it('waits for a newer version where it cannot read how far the lines have got', async () => {
    const { auditor, document, store } = start();
    store.store([{ subject: subjects.audit('spec', endpointId), body: { v: 2 } }]);
    await expect(auditor.settle(document(2))).rejects.toMatchObject({ code: 'unavailable' });
    store.store([{ subject: subjects.audit('spec', endpointId), body: { v: 2, revision: 10 } }]);
    await auditor.settle(document(2));
    expect(store.history.at(-1)?.body).toMatchObject({ revision: 20 });
  });

  it('keeps the newer document when it is told of an older one later', async () => {
    const { clock, auditor, document, told } = start();
    auditor.look(document(3));
    auditor.tell(document(2));
    await clock.advance(60_000);
    expect(told().map(([, revision]) => revision)).toEqual([10, 20, 30]);
  });

  it('writes what the process that stored an intent did not live to write', async () => {
    const first = start();
    first.auditor.tell(first.document(1));
    await first.clock.advance(0);
    const { clock, auditor, document, told } = start(first.store);
    auditor.look(document(3));
    await clock.advance(4999);
    expect(told()).toEqual([['create', 10]]);
    await clock.advance(3000);
    expect(told().map(([, revision]) => revision)).toEqual([10, 20, 30]);
  });

  it('tries until a line is stored, and repeats none that another process has written', async () => {
    const { clock, auditor, document, told, outcomes } = start();
    outcomes.push('doubtful', 'stored', 'doubtful', 'stored', 'conflict');
    auditor.tell(document(2));
    for (let turn = 0; turn < 40; turn += 1) await clock.advance(500);
    expect(told().map(([, revision]) => revision)).toEqual([10, 20]);
  });

  it('says when a line cannot be stored now, before its intent may leave the document', async () => {
    const { auditor, document, outcomes, told } = start();
    outcomes.push('full');
    await expect(auditor.settle(document(1))).rejects.toMatchObject({ code: 'unavailable' });
    await auditor.settle(document(1));
    expect(told()).toHaveLength(1);
  });

  it('tells of a line that is lost since its intent leaves in any case', async () => {
    const { auditor, document, outcomes, told, lines } = start();
    outcomes.push('full');
    await auditor.settleOrTell(document(1));
    expect(told()).toEqual([]);
    expect(lines.join('')).toContain('audit.line_lost');
  });

  it('says how much it leaves to others when its time at the end is over', async () => {
    const { clock, auditor, document, outcomes, lines } = start();
    outcomes.push(...Array.from({ length: 20 }, () => 'doubtful' as const));
    auditor.tell(document(1));
    const ended = auditor[Symbol.asyncDispose]();
    await clock.advance(2000);
    await ended;
    expect(lines.join('')).toContain('"documents":1');
  });

  it('leaves out what may have left the log for want of room, where it has no line of a document', async () => {
    const now = createTestClock().now();
    const { auditor, document, told } = start(new MemoryDesiredLog(), now - 1000);
    await auditor.settle(document(2, 1001));
    expect(told()).toEqual([]);
    await auditor.settle(document(2, 999));
    expect(told().map(([, revision]) => revision)).toEqual([10, 20]);
  });

  it('leaves out what may have left the log by age, and what was told by a writer of an older version', async () => {
    const { auditor, document, told } = start();
    await auditor.settle(document(2, streams.audit.maxAgeMs));
    const untold = document(2);
    untold.document.intents.forEach((entry) => delete entry.verb);
    await auditor.settle(untold);
    expect(told()).toEqual([]);
  });
});
