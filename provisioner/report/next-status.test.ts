import { describe, expect, it } from 'vitest';
import { statusDocumentSchema, type StatusDocument } from '#shared/contract/status.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PodStage } from '../observe/pod-view.ts';
import { kubeReason } from '../observe/reasons.ts';
import { nextStatus } from './next-status.ts';
import type { Progress } from '../plan/progress.ts';
import {
  sampleDeletion,
  sampleLive,
  sampleNow,
  sampleObserved,
  sampleProgress,
  sampleSettings,
  sampleSpec,
} from '../testing/sample-endpoint.ts';

const loading = sampleProgress({
  stage: { phase: 'load', reason: 'Loading', message: 'The engine is loading the model.' },
});
const ready: Progress = {
  ...loading,
  stage: { phase: 'done', reason: 'Ready', message: '' },
  replicas: { desired: 2, ready: 2 },
  complete: true,
  minimum: true,
  serving: true,
};

const after = (
  before: StatusDocument | null,
  progress: Progress,
  parts: Partial<ObservedState> & { revision?: number; spec?: ReturnType<typeof sampleSpec> } = {},
) => {
  const { revision = 1, spec = sampleSpec(2), ...rest } = parts;
  const observed = sampleObserved({ status: { document: before, seq: 1 }, ...rest });
  return nextStatus({ spec, revision }, observed, { progress, settings: sampleSettings });
};
const written = (next: ReturnType<typeof after>): StatusDocument => {
  if (next === null) throw new Error('nothing would be written');
  return statusDocumentSchema.parse(next.document);
};

describe('nextStatus', () => {
  const first = written(after(null, loading));
  const active = written(after(first, { ...ready, proved: true }, { now: sampleNow + 5000 }));

  it('begins with the acceptance', () => {
    expect(first).toMatchObject({
      state: 'provisioning',
      lifecycleSeq: 1,
      observedRevision: 1,
      live: null,
      phase: 'load',
    });
    expect(first.hosts).toEqual({
      private: expect.stringMatching(/-private-inference\.test$/),
      public: expect.stringMatching(/-public-inference\.test$/),
    });
    expect(first.history).toEqual([{ phase: 'load', at: first.phaseSince, reason: 'Loading' }]);
  });

  it('says nothing when nothing but time has passed', () => {
    expect(after(first, loading, { now: sampleNow + 30_000 })).toBeNull();
    expect(after(active, ready, { now: sampleNow + 30_000 })).toBeNull();
  });

  it('says nothing either when it comes out of the stream with its members in another order', () => {
    const shuffled = Object.fromEntries(Object.entries(active).toReversed());
    expect(after(statusDocumentSchema.parse(shuffled), ready, { now: sampleNow + 30_000 })).toBeNull();
  });

  it('turns active with what is live, and keeps the times of what did not change', () => {
    expect(active).toMatchObject({ state: 'active', lifecycleSeq: 2, phase: 'done', live: sampleLive(2) });
    expect(active.changeSince).toBe(first.changeSince);
    const of = (status: StatusDocument, type: string) => status.conditions.find((condition) => condition.type === type);
    expect(of(active, 'Ready')).toMatchObject({ status: 'True', lastTransitionTime: active.updatedAt });
    expect(of(active, 'Accepted')?.lastTransitionTime).toBe(first.updatedAt);
    expect(of(first, 'Ready')).toMatchObject({ status: 'False', reason: 'Loading' });
  });

  it('stays active while replicas come and go, and says so', () => {
    const degraded = written(
      after(active, { ...ready, complete: false, replicas: { desired: 2, ready: 1 }, stage: loading.stage }),
    );
    expect(degraded).toMatchObject({ state: 'active', phase: 'done', reason: 'Degraded', lifecycleSeq: 2 });
  });

  it('never steps back: an older spec changes neither revision nor state', () => {
    const newer = written(after(active, ready, { revision: 5 }));
    expect(newer).toMatchObject({ observedRevision: 5, state: 'updating' });
    const older = after(newer, ready, { revision: 3 });
    expect(older === null ? newer : older.document).toMatchObject({
      observedRevision: 5,
      lifecycleSeq: newer.lifecycleSeq,
    });
  });

  it('keeps a rejection until another change has succeeded', () => {
    const failure = { revision: 2, reason: 'Invalid', message: 'no', hint: 'do' };
    const rejected = written(after(active, ready, { revision: 2, failure }));
    expect(rejected).toMatchObject({ state: 'active', live: { revision: 1 }, rejection: { revision: 2, hint: 'do' } });
    const tried = written(after(rejected, loading, { revision: 3 }));
    expect(tried).toMatchObject({ state: 'updating', rejection: { revision: 2 } });
    const done = written(after(tried, { ...ready, proved: true }, { revision: 3 }));
    expect(done).toMatchObject({ state: 'active', live: { revision: 3 }, rejection: null });
  });

  it('keeps the live spec and the rejection when the live replicas recover from a loss', () => {
    const failure = { revision: 2, reason: 'Invalid', message: 'no', hint: 'do' };
    const rejected = written(after(active, ready, { revision: 2, failure }));
    const lost = written(after(rejected, loading, { revision: 2 }));
    expect(lost).toMatchObject({ state: 'updating', live: { revision: 1 } });
    const back = written(after(lost, { ...ready, proved: true }, { revision: 2 }));
    expect(back).toMatchObject({ state: 'active', live: { revision: 1 }, rejection: { revision: 2 } });
  });

  it('tells why the endpoint was lost, and that it is reachable again', () => {
    const stage: PodStage = { phase: 'proof', reason: 'ProofFailed', message: 'no answer' };
    const unanswered = 'no answer';
    const lost = written(after(active, { ...ready, stage, unanswered }, { now: sampleNow + 10_000 }));
    const reachable = (status: StatusDocument) => status.conditions.find(({ type }) => type === 'Reachable');
    expect(lost).toMatchObject({ state: 'updating', lifecycleSeq: active.lifecycleSeq + 1, message: 'no answer' });
    expect(reachable(lost)).toMatchObject({ status: 'False', reason: 'ProofFailed', message: 'no answer' });
    expect(after(lost, { ...ready, stage, unanswered }, { now: sampleNow + 20_000 })).toBeNull();
    const back = written(after(lost, { ...ready, proved: true }, { now: sampleNow + 30_000 }));
    expect(back).toMatchObject({ state: 'active', lifecycleSeq: lost.lifecycleSeq + 1 });
    expect(reachable(back)).toMatchObject({ status: 'True', lastTransitionTime: back.updatedAt });
  });

  it('goes on being active while no router is heard, and says that; likewise of kubelets', () => {
    const of = (status: StatusDocument, type: string) => status.conditions.find((condition) => condition.type === type);
    const stage: PodStage = { phase: 'proof', reason: 'NoRouter', message: '' };
    const silent = written(after(active, { ...ready, stage }, { silence: 'No router is heard.' }));
    expect(silent).toMatchObject({ state: 'active', reason: 'Active', lifecycleSeq: active.lifecycleSeq });
    expect(of(silent, 'Reachable')).toMatchObject({
      status: 'Unknown',
      reason: 'NoRouter',
      message: 'No router is heard.',
    });
    expect(of(written(after(silent, ready)), 'Reachable')).toMatchObject({ status: 'True' });
    const doubt = { reason: 'KubeletNotHeard', message: 'cut' } as const;
    const cut = written(after(active, { ...ready, doubt }));
    expect(cut).toMatchObject({ state: 'active', reason: 'Active' });
    expect(of(cut, 'ReplicasReady')).toMatchObject({ status: 'Unknown', ...doubt });
  });

  it('says what to do where waiting does not help, in a line of its own and beside each condition', () => {
    const of = (status: StatusDocument, type: string) => status.conditions.find((condition) => condition.type === type);
    expect(first).not.toHaveProperty('hint');
    const stage: PodStage = { phase: 'image', reason: 'ImagePullBackOff', message: 'no such image' };
    const stuck = written(after(first, { ...loading, stage }));
    expect(stuck).toMatchObject({ reason: 'ImagePullBackOff', hint: expect.stringContaining('registry') });
    expect(of(stuck, 'Ready')?.hint).toBe(stuck.hint);
    expect(of(stuck, 'Scheduled')).not.toHaveProperty('hint');
    const degraded = written(after(active, { ...ready, complete: false, stage }));
    expect(degraded).toMatchObject({ state: 'active', reason: 'Degraded', hint: stuck.hint });
    expect(written(after(stuck, loading))).not.toHaveProperty('hint');
    const rejected = written(after(stuck, { ...loading, stage }, { now: sampleNow + 901_000 }));
    expect(rejected.rejection?.hint).toBe(`${stuck.hint} Then change the endpoint again.`);
    expect(of(rejected, 'Stalled')).toMatchObject({ status: 'True', hint: rejected.rejection?.hint });
  });

  it('bounds its history', () => {
    let status = first;
    for (let round = 1; round <= 100; round += 1) {
      const stage = {
        phase: round % 2 === 0 ? ('load' as const) : ('warm' as const),
        reason: kubeReason(String(round), 'Loading'),
        message: '',
      };
      status = written(after(status, { ...loading, stage }));
    }
    expect(status.history).toHaveLength(64);
    expect(status.history.at(-1)?.reason).toBe('100');
  });

  it('has advice for a deletion, and for a recovery, that takes longer than a change may', () => {
    const teardown: Progress = { ...loading, stage: { phase: 'teardown', reason: 'Deleting', message: '' } };
    const [revision, spec] = [2, sampleDeletion(2)];
    const deleting = written(after(active, teardown, { revision, spec }));
    expect(deleting).not.toHaveProperty('hint');
    const stuck = written(after(deleting, teardown, { revision, spec, now: sampleNow + 900_000 }));
    expect(stuck.hint).toMatch(/namespace/);
    expect(after(stuck, teardown, { revision, spec, now: sampleNow + 990_000 })).toBeNull();
    const lost = written(after(active, loading, { now: sampleNow + 5000 }));
    expect(lost).not.toHaveProperty('hint');
    expect(written(after(lost, loading, { now: sampleNow + 905_000 })).hint).toMatch(/log/);
  });

  it('ends: no hosts, nothing live, and nothing after that', () => {
    const spec = sampleDeletion(2);
    const teardown: Progress = { ...loading, stage: { phase: 'teardown', reason: 'Deleting', message: '' } };
    const deleting = written(after(active, teardown, { revision: 2, spec }));
    expect(deleting).toMatchObject({ state: 'deleting', live: null, observedRevision: 2 });
    const gone = written(after(deleting, { ...teardown, tornDown: true }, { revision: 2, spec }));
    expect(gone).toMatchObject({ state: 'gone', hosts: null, lifecycleSeq: deleting.lifecycleSeq + 1 });
    expect(after(gone, { ...teardown, tornDown: true }, { revision: 2, spec })).toBeNull();
  });
});
