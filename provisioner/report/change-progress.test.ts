import { describe, expect, it } from 'vitest';
import { changeSteps, statusDocumentSchema, type PastChange, type StatusDocument } from '#shared/contract/status.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PodStage } from '../observe/pod-view.ts';
import type { Progress } from '../plan/progress.ts';
import { sampleNow, sampleObserved, sampleProgress, sampleSettings, sampleSpec } from '../testing/sample-endpoint.ts';
import { nextStatus } from './next-status.ts';

const waiting = sampleProgress({
  stage: { phase: 'capacity', reason: 'Creating', message: '' },
});
const serving: Progress = { ...waiting, replicas: { desired: 2, ready: 2 }, complete: true, serving: true };
const in_ = (phase: PodStage['phase']): Progress => ({ ...waiting, stage: { phase, reason: 'Loading', message: '' } });
const ready: Progress = { ...serving, stage: { phase: 'done', reason: 'Ready', message: '' } };

const groups = [{ accelerator: 'gpu-mi300x1-192gb', model: 'mistralai/Mistral-7B-Instruct-v0.3' }];
const earlier = (loadS: number): PastChange => ({
  at: new Date(sampleNow).toISOString(),
  groups,
  stepMs: { capacity: 1000, load: loadS * 1000, proof: 4000 },
});

/** A status that is looked at again, second by second; what is not written stays. */
class Watched {
  document: StatusDocument | null = null;
  writes = 0;
  #revision = 1;
  readonly #pastChanges: readonly PastChange[];

  constructor(pastChanges: readonly PastChange[] = []) {
    this.#pastChanges = pastChanges;
  }

  look(atS: number, progress: Progress, parts: Partial<ObservedState> = {}): StatusDocument {
    const observed = sampleObserved({
      status: { document: this.document, seq: 1 },
      now: sampleNow + atS * 1000,
      pastChanges: this.#pastChanges,
      ...parts,
    });
    const desired = { spec: sampleSpec(2), revision: this.#revision };
    const next = nextStatus(desired, observed, { progress, settings: sampleSettings });
    if (next !== null) this.writes += 1;
    this.document = statusDocumentSchema.parse(next?.document ?? this.document);
    return this.document;
  }

  change(): void {
    this.#revision += 1;
  }
}

const instant = (atS: number): string => new Date(sampleNow + atS * 1000).toISOString();

describe('the progress of a change', () => {
  it('counts the steps that all replicas have passed, and ends with the change', () => {
    const watched = new Watched();
    expect(watched.look(0, in_('capacity')).progress).toEqual({ passed: 0, steps: changeSteps.length });
    expect(watched.look(5, in_('load')).progress).toMatchObject({ passed: 4 });
    // Ready replicas are not all: the endpoint has not answered yet.
    expect(watched.look(9, ready)).toMatchObject({ phase: 'proof', reason: 'Proving', progress: { passed: 6 } });
    const active = watched.look(10, { ...ready, proved: true });
    expect(active).toMatchObject({ state: 'active', phase: 'done' });
    expect(active.progress).toBeUndefined();
  });

  it('says when it should be ready, and writes that once per step', () => {
    const watched = new Watched([earlier(100), earlier(200)]);
    const estimate = { readyAt: instant(105), readyBy: instant(205), likeness: 'model', changes: 2 };
    expect(watched.look(0, in_('capacity')).progress?.estimate).toEqual(estimate);
    watched.look(1, in_('load'));
    for (let s = 2; s < 100; s += 1) watched.look(s, in_('load'));
    expect(watched.writes).toBe(2);
    expect(watched.look(100, in_('load')).progress?.estimate).toMatchObject({ readyAt: instant(105) });
  });

  it('is told anew when a step takes longer than it did, a few times, until nothing is known', () => {
    const watched = new Watched([earlier(100)]);
    watched.look(0, in_('load'));
    expect(watched.document?.progress?.estimate?.readyAt).toBe(instant(104));
    for (let s = 1; s <= 400; s += 1) {
      watched.look(s, in_('load'));
      const { readyAt } = watched.document?.progress?.estimate ?? {};
      // What is told is never long past.
      if (readyAt !== undefined) expect(Date.parse(readyAt)).toBeGreaterThan(sampleNow + s * 1000 - 60_000);
    }
    expect(watched.document?.progress).toEqual({ passed: 4, steps: changeSteps.length });
    expect(watched.writes).toBeLessThan(10);
  });

  it('is not foreseen while something has to be mended first; nodes come by themselves', () => {
    const stuck = (stage: PodStage) => new Watched([earlier(100)]).look(0, { ...waiting, stage }).progress?.estimate;
    expect(stuck({ phase: 'image', reason: 'ImagePullBackOff', message: '' })).toBeUndefined();
    expect(stuck({ phase: 'node', reason: 'Unschedulable', message: '' })).toBeDefined();
  });

  it('becomes known when other endpoints have told of theirs', () => {
    const watched = new Watched();
    expect(watched.look(0, in_('load')).progress?.estimate).toBeUndefined();
    const told = watched.look(1, in_('load'), { pastChanges: [earlier(100)] });
    expect(told.progress?.estimate).toMatchObject({ readyAt: instant(104), changes: 1 });
  });
});

describe('what later changes are judged by', () => {
  const create = (): Watched => {
    const watched = new Watched();
    watched.look(0, in_('capacity'));
    watched.look(3, in_('load'));
    watched.look(60, in_('proof'));
    watched.look(62, { ...ready, proved: true });
    return watched;
  };

  it('is how long each step took, once the change has come about', () => {
    const { document } = create();
    const stepMs = { capacity: 3000, load: 57_000, proof: 2000 };
    expect(document?.pastChanges).toEqual([{ at: instant(62), groups, stepMs }]);
  });

  it('adds up a step that is passed twice: a replica has restarted', () => {
    const watched = new Watched();
    watched.look(0, in_('capacity'));
    watched.look(1, in_('load'));
    watched.look(4, in_('image'));
    watched.look(6, in_('load'));
    watched.look(7, { ...ready, proved: true });
    expect(watched.document?.pastChanges?.[0]?.stepMs).toEqual({ capacity: 1000, load: 4000, image: 2000 });
  });

  it('is kept for the newest changes, through all that follows', () => {
    const watched = create();
    for (let turn = 1; turn <= 10; turn += 1) {
      watched.change();
      watched.look(100 * turn, ready);
      watched.look(100 * turn + turn, { ...ready, proved: true });
    }
    const { pastChanges } = watched.document ?? {};
    expect(pastChanges).toHaveLength(8);
    expect(pastChanges?.at(-1)).toMatchObject({ stepMs: { proof: 10_000 } });
  });

  it('is not how long an endpoint was lost, nor a change that was given up and came about after all', () => {
    const lost = create();
    lost.look(100, in_('load'));
    lost.look(500, { ...ready, proved: true });
    expect(lost.document).toMatchObject({ state: 'active', pastChanges: [{ at: instant(62) }] });
    const late = new Watched();
    late.look(0, in_('node'));
    late.look(901, in_('node'));
    expect(late.document?.state).toBe('error');
    expect(late.document?.progress).toBeUndefined();
    late.look(999, { ...ready, proved: true });
    expect(late.document).toMatchObject({ state: 'active' });
    expect(late.document?.pastChanges).toBeUndefined();
  });
});
