import { describe, expect, it } from 'vitest';
import { nextLifecycle } from './next-lifecycle.ts';
import type { Progress } from '../plan/progress.ts';
import {
  sampleDeletion,
  sampleLive,
  sampleNow,
  sampleObserved,
  sampleProgress,
  sampleSpec,
  sampleStatus,
} from '../testing/sample-endpoint.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { StatusDocument } from '#shared/contract/status.ts';

const waiting = sampleProgress({
  stage: { phase: 'node', reason: 'Unschedulable', message: '0/1 nodes are available' },
});
const serving: Progress = { ...waiting, complete: true, minimum: true, serving: true };
const late = sampleNow + 900_000;
const step = (parts: {
  status?: Partial<StatusDocument>;
  revision?: number;
  progress?: Partial<Progress>;
  observed?: Partial<ObservedState>;
  deletion?: boolean;
}) => {
  const spec = parts.deletion === true ? sampleDeletion(2) : sampleSpec(2);
  const document = parts.status === undefined ? null : sampleStatus(parts.status);
  const observed = sampleObserved({ status: { document, seq: 1 }, ...parts.observed });
  const progress = { ...waiting, ...parts.progress };
  const desired = { spec, revision: parts.revision ?? 1 };
  return nextLifecycle({ desired, observed, progress, changeDeadlineMs: 900_000 });
};
const live = sampleLive(2);

describe('nextLifecycle', () => {
  it('takes a new spec up', () => {
    expect(step({})).toMatchObject({ events: ['accepted'], lifecycle: { state: 'provisioning', lifecycleSeq: 1 } });
    expect(step({ status: { state: 'active', live }, revision: 2 })).toMatchObject({
      events: ['accepted'],
      lifecycle: { state: 'updating' },
    });
    expect(step({ status: { state: 'error' }, revision: 2 })).toMatchObject({ lifecycle: { state: 'provisioning' } });
  });

  it('turns active by a proof, not before', () => {
    expect(step({ status: {}, progress: serving }).events).toEqual([]);
    expect(step({ status: {}, progress: { ...serving, proved: true } })).toMatchObject({
      events: ['proved'],
      lifecycle: { state: 'active', live: true },
    });
  });

  it('does not believe a proof of an older spec', () => {
    expect(
      step({ status: { state: 'active', live }, revision: 2, progress: { ...serving, proved: true } }).events,
    ).toEqual(['accepted']);
  });

  it('rejects at the deadline: error when nothing is live, active again when something is', () => {
    expect(step({ status: {}, observed: { now: late - 1 } }).events).toEqual([]);
    expect(step({ status: {}, observed: { now: late } })).toMatchObject({
      events: ['rejected'],
      lifecycle: { state: 'error' },
      rejection: { revision: 1, reason: 'Unschedulable', hint: expect.stringContaining('fewer replicas') },
    });
    const updating = { state: 'updating', live, observedRevision: 2 } as const;
    expect(step({ status: updating, revision: 2, observed: { now: late } })).toMatchObject({
      events: ['rejected'],
      lifecycle: { state: 'active', live: true },
    });
  });

  it('rejects at once what fails for good, also right when it is taken up', () => {
    const failure = { revision: 1, reason: 'Invalid', message: 'no', hint: 'do' };
    expect(step({ observed: { failure } })).toMatchObject({
      events: ['accepted', 'rejected'],
      lifecycle: { state: 'error' },
      rejection: { reason: 'Invalid' },
    });
    expect(step({ status: {}, revision: 2, observed: { failure } }).events).toEqual(['accepted']);
  });

  it('rejects once', () => {
    const rejection = { revision: 1, reason: 'x', message: '', hint: '', at: '2026-01-01T00:00:00.000Z' };
    expect(step({ status: { state: 'error', rejection }, observed: { now: late * 2 } }).events).toEqual([]);
  });

  it('notices the loss of all replicas, and never rejects because of it', () => {
    const active = { state: 'active', live, lifecycleSeq: 2 } as const;
    expect(step({ status: active })).toMatchObject({
      events: ['lost'],
      lifecycle: { state: 'updating', lifecycleSeq: 3 },
    });
    expect(step({ status: active, progress: { minimum: true, serving: true } }).events).toEqual([]);
    expect(step({ status: { ...active, state: 'updating' }, observed: { now: late * 2 } }).events).toEqual([]);
  });

  it.each([
    ['active', 'no answer', { events: ['lost'], after: 'updating' }],
    ['active', null, { events: [], after: 'active' }],
    ['updating', 'no answer', { events: [], after: 'updating' }],
  ] as const)('%s with proofs that say %s: %j', (state, unanswered, { events, after }) =>
    expect(step({ status: { state, live }, progress: { ...serving, unanswered } })).toMatchObject({
      events,
      lifecycle: { state: after, live: true },
      rejection: null,
    }),
  );

  it('deletes from every state, and ends when nothing is left', () => {
    for (const state of ['provisioning', 'active', 'updating', 'error'] as const)
      expect(step({ status: { state }, revision: 2, deletion: true })).toMatchObject({
        events: ['deleteRequested'],
        lifecycle: { state: 'deleting', live: false },
      });
    expect(step({ deletion: true })).toMatchObject({ lifecycle: { state: 'deleting', lifecycleSeq: 1 } });
    expect(step({ status: { state: 'deleting' }, deletion: true }).events).toEqual([]);
    expect(step({ status: { state: 'deleting' }, deletion: true, progress: { tornDown: true } })).toMatchObject({
      events: ['tornDown'],
      lifecycle: { state: 'gone' },
    });
    expect(step({ status: { state: 'gone' }, deletion: true, progress: { tornDown: true } }).events).toEqual([]);
  });
});
