import { expect, it } from 'vitest';
import { sampleObserved, sampleSettings, sampleSpec, sampleStatus } from '../testing/sample-endpoint.ts';
import { revised } from '../testing/sample-cluster.ts';
import { advanceOf, changeDeadline } from './change-deadline.ts';

const minutes = 60_000;
const at = (afterMs: number): string => new Date(Date.UTC(2026, 0, 1) + afterMs).toISOString();
const desired = revised(sampleSpec(2), 2);
const settings = { ...sampleSettings, changeDeadlineMs: 15 * minutes, drainTimeoutMs: 10 * minutes };

it('gives a change as long as settings say, and longer where loading or drains have been seen to take longer', () => {
  const groups = [{ accelerator: 'gpu-mi300x1-192gb', model: 'mistralai/Mistral-7B-Instruct-v0.3' }];
  const past = (loadMs: number) => [{ at: at(0), groups, stepMs: { capacity: 60 * minutes, image: 0, load: loadMs } }];
  const after = (loadMs: number, short = false) =>
    changeDeadline(sampleObserved({ desired, pastChanges: past(loadMs) }), { short }, settings) / minutes;
  expect([after(1 * minutes), after(20 * minutes), after(1 * minutes, true)]).toEqual([15, 60, 25]);
});

it('counts from the last time that a change went on, and from no earlier change', () => {
  const document = sampleStatus({ changeSince: at(0), advance: { count: 3, at: at(40 * minutes) } });
  const observed = sampleObserved({ desired, status: { document, seq: 1 } });
  expect(changeDeadline(observed, { short: false }, settings)).toBe(55 * minutes);
  const next = { state: 'updating' as const, changeSince: at(0), updatedAt: at(50 * minutes) };
  expect(advanceOf(next, document, { advance: 3 })).toEqual(document.advance);
  expect(advanceOf(next, document, { advance: 2 })).toEqual(document.advance);
  expect(advanceOf(next, document, { advance: 4 })).toEqual({ count: 4, at: next.updatedAt });
  const other = { ...next, changeSince: at(45 * minutes) };
  expect(advanceOf(other, document, { advance: 1 })).toEqual({ count: 1, at: other.changeSince });
  expect(advanceOf({ ...next, state: 'active' }, document, { advance: 4 })).toBeUndefined();
});
