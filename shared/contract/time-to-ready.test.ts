import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeSteps, likenesses, type PastChange } from './status.ts';
import { changesMax, groupsOf, likenessKey, timeToReady, type AwaitedChange } from './time-to-ready.ts';

const mistral = [{ accelerator: 'gpu-h100x1-80gb', model: 'mistralai/Small' }];
const other = [{ accelerator: 'gpu-h100x1-80gb', model: 'qwen/Coder' }];
const elsewhere = [{ accelerator: 'gpu-mi300x1-192gb', model: 'qwen/Coder' }];

/** Seconds per step; `minute` orders them. */
function past(stepS: Partial<Record<(typeof changeSteps)[number], number>>, groups = mistral, minute = 0): PastChange {
  const stepMs = Object.fromEntries(Object.entries(stepS).map(([step, s]) => [step, s * 1000]));
  return { at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), groups, stepMs };
}
const create = (s: number, groups = mistral, minute = 0): PastChange =>
  past({ capacity: 1, node: 9, load: s, proof: 2 }, groups, minute);
const notBegun = (groups = mistral): AwaitedChange => ({ groups, step: 'capacity', inStepMs: 0 });

describe('the time until a change is ready', () => {
  it('is unknown without history', () => {
    expect(timeToReady([], notBegun())).toBeNull();
  });

  it('is what earlier ones took: the median of them, and what nine of ten took', () => {
    const ten = Array.from({ length: 10 }, (_, index) => create(100 + index));
    expect(timeToReady(ten, notBegun())).toEqual({ medianMs: 116_000, p90Ms: 120_000, likeness: 'model', changes: 10 });
  });

  it('counts from the step that it is in', () => {
    expect(timeToReady([create(100)], { groups: mistral, step: 'load', inStepMs: 40_000 })?.medianMs).toBe(62_000);
    expect(timeToReady([create(100)], { groups: mistral, step: 'image', inStepMs: 0 })?.medianMs).toBe(102_000);
  });

  it('is taken from the most like ones: the model on these GPUs, the GPUs, any', () => {
    const all = [create(100), create(200, other), create(300, elsewhere)];
    expect(timeToReady(all, notBegun(mistral))).toMatchObject({ medianMs: 112_000, likeness: 'model', changes: 1 });
    const third = [{ accelerator: 'gpu-h100x1-80gb', model: 'a/third' }];
    expect(timeToReady(all, notBegun(third))).toMatchObject({ medianMs: 112_000, likeness: 'accelerator', changes: 2 });
    const nowhere = [{ accelerator: 'gpu-h200x8-1128gb', model: 'a/third' }];
    expect(timeToReady(all, notBegun(nowhere))).toMatchObject({ medianMs: 212_000, likeness: 'any', changes: 3 });
  });

  it('does not take a change that began later for one that was quick', () => {
    const renamed = past({ proof: 1 });
    expect(timeToReady([renamed], notBegun())).toBeNull();
    expect(timeToReady([renamed, create(100)], notBegun())).toMatchObject({ medianMs: 112_000, changes: 1 });
    expect(timeToReady([renamed, create(100)], { groups: mistral, step: 'proof', inStepMs: 0 })?.changes).toBe(2);
  });

  it('goes by those that had not left the step either, and by none once it takes longer than ever', () => {
    const all = [create(100), create(200)];
    const loading = (s: number): AwaitedChange => ({ groups: mistral, step: 'load', inStepMs: s * 1000 });
    expect(timeToReady(all, loading(150))).toMatchObject({ medianMs: 52_000, changes: 1 });
    expect(timeToReady(all, loading(300))).toMatchObject({ medianMs: 2000, changes: 2 });
    expect(timeToReady(all, loading(411))).toBeNull();
  });

  it('forgets the old ones', () => {
    const quick = Array.from({ length: changesMax }, (_, index) => create(10, mistral, 100 + index));
    const slow = Array.from({ length: 30 }, (_, index) => create(1000, mistral, index));
    expect(timeToReady([...slow, ...quick], notBegun())).toMatchObject({ p90Ms: 22_000, changes: changesMax });
  });

  it('knows the groups of a spec, each once', () => {
    const group = { acceleratorId: 'a', slug: 'gpu-h100x1-80gb', type: 'prefill_decode' as const, scale: 2 };
    const model = { modelId: 'm', slug: 'mistral/small', provider: 'hugging_face' as const };
    const named = { ...model, providerModelId: 'mistralai/Small', accelerators: [group, { ...group, scale: 1 }] };
    expect(groupsOf([named])).toEqual(mistral);
    expect(groupsOf([{ ...named, providerModelId: '' }])[0]?.model).toBe('mistral/small');
  });
});

describe('whatever the history', () => {
  const stepMs = fc.dictionary(fc.constantFrom(...changeSteps), fc.nat(10_000_000));
  const groups = fc.subarray([...mistral, ...other, ...elsewhere], { minLength: 1 });
  const history = fc.array(
    fc.record({ at: fc.date({ min: new Date(0), max: new Date(1e12), noInvalidDate: true }), groups, stepMs }),
    { maxLength: 60 },
  );
  const awaited = fc.record({ groups, step: fc.constantFrom(...changeSteps), inStepMs: fc.nat(20_000_000) });
  const dated = (all: readonly { at: Date; groups: PastChange['groups']; stepMs: PastChange['stepMs'] }[]) =>
    all.map((one) => ({ ...one, at: one.at.toISOString() }));
  const total = (one: PastChange): number => Object.values(one.stepMs).reduce((sum, ms) => sum + ms, 0);

  it('nothing is invented: it lies between 0 and what some earlier change took, the median below the rest', () => {
    fc.assert(
      fc.property(history, awaited, (all, change) => {
        const known = dated(all);
        const time = timeToReady(known, change);
        if (time === null) return;
        expect(time.medianMs).toBeGreaterThanOrEqual(0);
        expect(time.medianMs).toBeLessThanOrEqual(time.p90Ms);
        expect(time.p90Ms).toBeLessThanOrEqual(Math.max(...known.map(total)));
        expect(time.changes).toBeLessThanOrEqual(changesMax);
      }),
    );
  });

  it('the order in which it is read does not count, nor what is less like', () => {
    fc.assert(
      fc.property(history, awaited, (all, change) => {
        const known = [...new Map(dated(all).map((one) => [one.at, one])).values()];
        const time = timeToReady(known, change);
        expect(timeToReady(known.toReversed(), change)).toEqual(time);
        if (time === null) return;
        const key = likenessKey(time.likeness, change.groups);
        const like = known.filter((one) => likenessKey(time.likeness, one.groups) === key);
        expect(timeToReady(like, change)).toEqual({ ...time, likeness: expect.toBeOneOf([...likenesses]) });
      }),
    );
  });

  it('a change that goes exactly like its only predecessor is foreseen exactly, at each instant', () => {
    fc.assert(
      fc.property(stepMs, fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
        const known: PastChange = { at: new Date(0).toISOString(), groups: mistral, stepMs: steps };
        let left = total(known);
        for (const step of changeSteps.filter((one) => steps[one] !== undefined)) {
          const inStepMs = Math.floor(share * (steps[step] ?? 0));
          expect(timeToReady([known], { groups: mistral, step, inStepMs })?.medianMs).toBe(left - inStepMs);
          left -= steps[step] ?? 0;
        }
      }),
    );
  });
});
