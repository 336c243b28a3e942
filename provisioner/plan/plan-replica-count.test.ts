import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deletionCosts, planReplicaCount, type GroupState } from './plan-replica-count.ts';
import { samplePod } from '../testing/sample-endpoint.ts';

type State = 'proving' | 'ready' | 'draining';
const pods = [1, 2, 3, 4].map((index) => samplePod(index));
const [oldest, second, third, newest] = pods as [
  (typeof pods)[0],
  (typeof pods)[0],
  (typeof pods)[0],
  (typeof pods)[0],
];
const listed = (...entries: [{ replicaId: string }, State][]): Map<string, State> =>
  new Map(entries.map(([{ replicaId }, state]) => [replicaId, state]));
const allReady = listed(...pods.map((pod): [typeof pod, State] => [pod, 'ready']));
const group = (parts: Partial<GroupState>): GroupState => ({
  scale: 4,
  current: 4,
  settled: true,
  pods,
  listed: allReady,
  gates: new Map(),
  preference: { leaving: new Set(), loads: new Map() },
  ...parts,
});
const names = (plan: { victims: readonly { name: string }[] }): string[] => plan.victims.map(({ name }) => name);
const go = { go: true, reason: '' };

describe('planReplicaCount', () => {
  it('creates and grows at once', () => {
    expect(planReplicaCount(group({ current: null, pods: [] })).replicas).toBe(4);
    expect(planReplicaCount(group({ scale: 7 }))).toEqual({ replicas: 7, victims: [], marks: [] });
  });

  it('chooses the newest and keeps the count until they are released', () => {
    const plan = planReplicaCount(group({ scale: 2 }));
    expect(names(plan)).toEqual(['engine-4', 'engine-3']);
    expect(plan.replicas).toBe(4);
    expect(plan.marks.map(({ cost }) => cost)).toEqual([deletionCosts.draining, deletionCosts.draining]);
  });

  it('chooses those that serve nothing before those that do', () => {
    const unready = { ...oldest, ready: false };
    const state = group({
      scale: 3,
      pods: [unready, second, third, newest],
      listed: listed([second, 'ready'], [third, 'ready'], [newest, 'ready']),
    });
    expect(names(planReplicaCount(state))).toEqual(['engine-1']);
  });

  it('chooses whose room is needed, then who has the fewest requests, then the least cached; unknown is most', () => {
    const load = (pod: { replicaId: string }, inFlight: number, blocks: number) =>
      [pod.replicaId, { inFlight, blocks }] as const;
    const loads = new Map([load(oldest, 0, 9), load(second, 0, 3), load(third, 2, 0)]);
    const order = (leaving: ReadonlySet<string>) =>
      [1, 2, 3, 4].map((count) =>
        names(planReplicaCount(group({ scale: 4 - count, preference: { leaving, loads } }))).at(-1),
      );
    expect(order(new Set())).toEqual(['engine-2', 'engine-1', 'engine-3', 'engine-4']);
    expect(order(new Set([newest.replicaId]))).toEqual(['engine-4', 'engine-2', 'engine-1', 'engine-3']);
    const chosen = new Map([...allReady, [third.replicaId, 'draining' as const]]);
    const going = group({ scale: 3, listed: chosen, preference: { leaving: new Set(), loads } });
    expect(names(planReplicaCount(going))).toEqual(['engine-3']);
  });

  it('releases a victim that was never routed to without waiting', () => {
    const state = group({ scale: 3, listed: listed([oldest, 'ready'], [second, 'ready'], [third, 'ready']) });
    expect(planReplicaCount(state).marks).toMatchObject([{ pod: { name: 'engine-4' }, cost: deletionCosts.released }]);
  });

  it('releases a draining victim when the gate says go, and lowers the count when the mark has been seen', () => {
    const marked = { ...newest, deletionCost: deletionCosts.draining };
    const draining = new Map([...allReady, [newest.replicaId, 'draining' as const]]);
    const waiting = group({ scale: 3, pods: [oldest, second, third, marked], listed: draining });
    expect(planReplicaCount(waiting)).toMatchObject({ replicas: 4, marks: [] });
    const free = { ...waiting, gates: new Map([[newest.replicaId, go]]) };
    expect(planReplicaCount(free)).toMatchObject({ replicas: 4, marks: [{ cost: deletionCosts.released }] });
    const released = { ...free, pods: [oldest, second, third, { ...newest, deletionCost: deletionCosts.released }] };
    expect(planReplicaCount(released)).toMatchObject({ replicas: 3, marks: [] });
    expect(planReplicaCount({ ...released, current: 3 })).toMatchObject({ replicas: 3, marks: [] });
    expect(planReplicaCount({ ...released, current: 3, pods: [oldest, second, third] }).replicas).toBe(3);
  });

  it('lets one victim go while the other still streams', () => {
    const gone = { ...newest, deletionCost: deletionCosts.released };
    const streaming = { ...third, deletionCost: deletionCosts.draining };
    const state = group({
      scale: 2,
      pods: [oldest, second, streaming, gone],
      listed: new Map([...allReady, [third.replicaId, 'draining'], [newest.replicaId, 'draining']]),
      gates: new Map([[newest.replicaId, go]]),
    });
    expect(planReplicaCount(state).replicas).toBe(3);
  });

  it('takes a drain back when the spec grows, the furthest on its way first to stay chosen', () => {
    const released = { ...third, deletionCost: deletionCosts.released };
    const marked = { ...newest, deletionCost: deletionCosts.draining };
    const state = group({
      scale: 3,
      pods: [oldest, second, released, marked],
      listed: new Map([...allReady, [third.replicaId, 'draining'], [newest.replicaId, 'draining']]),
      gates: new Map([[third.replicaId, go]]),
    });
    expect(names(planReplicaCount(state))).toEqual(['engine-3']);
    expect(planReplicaCount(state).marks).toMatchObject([{ pod: { name: 'engine-4' }, cost: deletionCosts.keep }]);
  });

  it('chooses whom Kubernetes takes first anyway, and lowers the count only when it takes nobody else', () => {
    const unready = { ...oldest, ready: false };
    const state = group({ scale: 3, pods: [unready, second, third, newest] });
    expect(names(planReplicaCount(state))).toEqual(['engine-1']);
    // The chosen one was free to go; then another pod, on which streams may be, turns not ready.
    const released = { ...newest, deletionCost: deletionCosts.released };
    const then = { ...state, pods: [unready, second, third, released], gates: new Map([[newest.replicaId, go]]) };
    expect(planReplicaCount(then)).toMatchObject({ replicas: 4, victims: [{ name: 'engine-1' }] });
    expect(planReplicaCount({ ...then, pods: [oldest, second, third, released] }).replicas).toBe(3);
    const pending = { ...second, ready: false, stage: { phase: 'node', reason: 'Scheduling', message: '' } as const };
    expect(names(planReplicaCount({ ...state, pods: [unready, pending, third, newest] }))).toEqual(['engine-2']);
  });

  it('takes the mark of a released pod back only when no controller can still act on the lower count', () => {
    const released = { ...newest, deletionCost: deletionCosts.released };
    const state = group({ current: 3, pods: [oldest, second, third, released] });
    expect(planReplicaCount({ ...state, settled: false })).toEqual({ replicas: 4, victims: [], marks: [] });
    expect(planReplicaCount({ ...state, current: 4, settled: false }).marks).toEqual([]);
    expect(planReplicaCount({ ...state, current: 4 }).marks).toMatchObject([
      { pod: released, cost: deletionCosts.keep },
    ]);
  });

  it('waits for the controllers before it believes that pods are missing', () => {
    const some = group({ scale: 1, current: 4, pods: [oldest, second] });
    expect(planReplicaCount({ ...some, settled: false }).replicas).toBe(4);
    expect(planReplicaCount({ ...some, settled: true }).replicas).toBe(2);
  });

  it('never lowers the count below what unreleased pods need, whatever the state', () => {
    const pod = fc.record({
      index: fc.integer({ min: 1, max: 9 }),
      ready: fc.boolean(),
      cost: fc.constantFrom(...Object.values(deletionCosts)),
      state: fc.constantFrom<(State | undefined)[]>('proving', 'ready', 'draining', undefined),
      go: fc.boolean(),
    });
    const states = fc.record({
      scale: fc.integer({ min: 0, max: 9 }),
      current: fc.option(fc.integer({ min: 0, max: 9 })),
      settled: fc.boolean(),
      pods: fc.uniqueArray(pod, { selector: ({ index }) => index, maxLength: 9 }),
    });
    fc.assert(
      fc.property(states, (given) => {
        const views = given.pods.map(({ index, ready, cost }) => samplePod(index, { ready, deletionCost: cost }));
        const state: GroupState = {
          ...given,
          pods: views,
          preference: { leaving: new Set(), loads: new Map() },
          listed: new Map(
            given.pods.flatMap(({ state: is }, i): [string, State][] => (is ? [[views[i]?.replicaId ?? '', is]] : [])),
          ),
          gates: new Map(given.pods.map(({ go: may }, i) => [views[i]?.replicaId ?? '', { go: may, reason: '' }])),
        };
        const plan = planReplicaCount(state);
        const released = plan.victims.filter(({ deletionCost }) => deletionCost === deletionCosts.released).length;
        expect(plan.victims).toHaveLength(Math.max(0, views.length - given.scale));
        expect(plan.replicas).toBeGreaterThanOrEqual(given.scale);
        // What a ReplicaSet would take of the pods that exist is never more than what was released, and nothing else.
        if (given.current === null || plan.replicas >= given.current) return;
        expect(views.length - plan.replicas).toBeLessThanOrEqual(released);
        const taken = views
          .toSorted((a, b) => Number(a.ready) - Number(b.ready) || a.deletionCost - b.deletionCost)
          .slice(0, Math.max(0, views.length - plan.replicas));
        expect(taken.filter(({ deletionCost }) => deletionCost !== deletionCosts.released)).toEqual([]);
      }),
    );
  });
});
