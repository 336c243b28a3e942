import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import type { DesiredLog } from '../commit/desired-log.ts';

/** A log of an implementation, and how to end it. */
export interface LogUnderTest extends AsyncDisposable {
  log: DesiredLog;
}

/** What every log of desired state does, whatever it is made of. */
export function describeDesiredLog(name: string, start: () => Promise<LogUnderTest>): void {
  describe(`${name} as a DesiredLog`, () => {
    let subject: LogUnderTest;
    const started = endAfterAll();
    beforeAll(async () => {
      subject = await started.use(start());
    });
    let batch = 0;
    const write = (...writes: Parameters<DesiredLog['write']>[0]): ReturnType<DesiredLog['write']> => {
      batch += 1;
      return subject.log.write(writes, `contract-${batch}`);
    };
    const spec = (id: string, body: unknown, expectedSeq: number) => ({
      subject: `fairway.spec.${id}`,
      body,
      expectedSeq,
    });

    it('has nothing on an unknown subject', async () => {
      expect(await subject.log.last('fairway.spec.unknown')).toBeNull();
      expect(subject.log.fillRatio()).toBeGreaterThanOrEqual(0);
    });

    it('gives back what was stored, with its sequence', async () => {
      const outcome = await write(spec('a', { n: 1 }, 0));
      const last = await subject.log.last('fairway.spec.a');
      expect(outcome).toEqual({ kind: 'stored', seqs: [last?.seq] });
      expect(last).toMatchObject({ subject: 'fairway.spec.a', body: { n: 1 }, deleted: false });
    });

    it('takes a write at the expected sequence only', async () => {
      const first = await write(spec('b', { n: 1 }, 0));
      const seq = first.kind === 'stored' ? (first.seqs[0] ?? 0) : 0;
      expect((await write(spec('b', { n: 2 }, 0))).kind).toBe('conflict');
      expect((await write(spec('b', { n: 3 }, seq + 1))).kind).toBe('conflict');
      expect((await write(spec('b', { n: 4 }, seq))).kind).toBe('stored');
      expect((await write(spec('b', { n: 5 }, seq))).kind).toBe('conflict');
      expect((await subject.log.last('fairway.spec.b'))?.body).toEqual({ n: 4 });
    });

    it('stores a batch whole, in order', async () => {
      const outcome = await write(spec('c1', 1, 0), spec('c2', 2, 0), spec('c3', 3, 0));
      const seqs = await Promise.all(
        ['c1', 'c2', 'c3'].map(async (id) => (await subject.log.last(`fairway.spec.${id}`))?.seq ?? 0),
      );
      expect(outcome).toEqual({ kind: 'stored', seqs });
      expect(seqs[2]).toBe((seqs[0] ?? 0) + 2);
    });

    it('stores nothing of a batch of which one part does not fit', async () => {
      expect((await write(spec('d2', 'taken', 0))).kind).toBe('stored');
      expect((await write(spec('d1', 1, 0), spec('d2', 2, 0), spec('d3', 3, 0))).kind).toBe('conflict');
      expect(await subject.log.last('fairway.spec.d1')).toBeNull();
      expect(await subject.log.last('fairway.spec.d3')).toBeNull();
      expect((await subject.log.last('fairway.spec.d2'))?.body).toBe('taken');
    });

    it('stores one of many concurrent batches on one subject', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, index) => write(spec(`e${index}`, index, 0), spec('e', index, 0))),
      );
      expect(outcomes.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
    });
  });
}
