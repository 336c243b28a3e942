import { describe, expect, it } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { appliedSpec } from '../manifests/applied-spec.ts';
import { plannedPools, planReplicas } from './plan-pools.ts';
import {
  sampleIds,
  sampleNow,
  sampleObserved,
  samplePod,
  samplePool,
  sampleReplica,
  sampleSettings,
  sampleSpec,
  sampleStatus,
} from '../testing/sample-endpoint.ts';
import { proofKeys, type ProofRecord } from '../proof/proof-record.ts';
import type { PodView } from '../observe/pod-view.ts';

const pod = samplePod(1);
const proofOf = (record: ProofRecord) => new Map([[proofKeys.replica(pod), record]]);
const ok = proofOf({ ok: true, at: sampleNow, failures: 0 });
const failing = (failures: number, sinceMs: number) =>
  proofOf({ ok: false, reason: 'no', at: sampleNow, failures, failingSince: sampleNow - sinceMs });
const settings = { ...sampleSettings, drainTimeoutMs: 1000, lostAfterMs: 10_000 };
interface Given {
  pods?: PodView[];
  previous?: PoolDocument;
  victims?: ReadonlySet<string>;
  proofs?: ReadonlyMap<string, ProofRecord>;
  now?: number;
}
const plan = ({ previous, victims: chosen = new Set(), ...parts }: Given) => {
  const pools = new Map(previous && [[sampleIds.pool, { document: previous, seq: 1 }]]);
  return planReplicas(sampleIds.pool, sampleObserved({ pods: [pod], pools, ...parts }), {
    victims: chosen,
    held,
    settings,
  });
};
const victims = new Set([pod.replicaId]);
const held = new Set<string>();

describe('a pool without a ready replica', () => {
  const startingOf = (status: StatusDocument | null, proofs = new Map<string, ProofRecord>()) => {
    const observed = sampleObserved({ pods: [pod], proofs, status: { document: status, seq: 1 } });
    const pools = plannedPools(appliedSpec(sampleSpec(1), 1), observed, { victims: new Set(), held, settings });
    return pools.get(sampleIds.pool)?.starting;
  };
  const readyAt = new Date(sampleNow + 60_000).toISOString();
  const estimate = { readyAt, readyBy: readyAt, likeness: 'any' as const, changes: 1 };
  const loading = sampleStatus({ phase: 'load', progress: { passed: 4, steps: 7, estimate } });

  it('tells routers what the status says, and nothing once it has one', () => {
    expect(startingOf(loading)).toEqual({ phase: 'load', readyAt: sampleNow + 60_000 });
    expect(startingOf(sampleStatus({ state: 'error', phase: 'node' }))).toEqual({ phase: 'node' });
    expect(startingOf(loading, ok)).toBeUndefined();
    expect(startingOf(null)).toBeUndefined();
    expect(startingOf(sampleStatus({ state: 'active', phase: 'done' }))).toBeUndefined();
  });
});

describe('planReplicas', () => {
  it('lists a ready pod as proving, and as ready once it has answered', () => {
    expect(plan({})).toEqual([sampleReplica(pod, 'proving')]);
    expect(plan({ proofs: ok })).toEqual([sampleReplica(pod, 'ready')]);
    expect(plan({ proofs: failing(1, 0) })).toEqual([sampleReplica(pod, 'proving')]);
  });

  it('keeps a proven replica across restarts of the provisioner', () => {
    expect(plan({ previous: samplePool([sampleReplica(pod, 'ready')]) })).toEqual([sampleReplica(pod, 'ready')]);
  });

  it('asks for a new proof when the engine has restarted behind the same address', () => {
    const again = { ...pod, restarts: 1 };
    expect(plan({ pods: [again], proofs: ok })[0]?.state).toBe('proving');
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    expect(plan({ pods: [again], previous })).toEqual([sampleReplica(again, 'proving')]);
    // A document of an older build does not say which engine it was.
    const unsaid = samplePool(previous.replicas.map((replica) => ({ ...replica, restarts: undefined })));
    expect(plan({ pods: [again], previous: unsaid })).toEqual([sampleReplica(again, 'ready')]);
  });

  it('does not list what has no address, was never ready, has finished, or is going without ever having been listed', () => {
    expect(plan({ pods: [{ ...pod, address: undefined }] })).toEqual([]);
    expect(plan({ pods: [{ ...pod, ready: false }] })).toEqual([]);
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    expect(plan({ pods: [{ ...pod, ready: false, finished: true }], previous })).toEqual([]);
    expect(plan({ victims })).toEqual([]);
    expect(plan({ pods: [{ ...pod, deletingAt: new Date(sampleNow).toISOString() }] })).toEqual([]);
  });

  it('keeps a replica that Kubernetes does not take for ready, as long as it answers', () => {
    const pods = [{ ...pod, ready: false }];
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    const [serves, probed] = [[sampleReplica(pod, 'ready')], [sampleReplica(pod, 'proving')]];
    expect(plan({ pods, previous })).toEqual(serves);
    expect(plan({ pods, previous, proofs: ok })).toEqual(serves);
    expect(plan({ pods, previous, proofs: failing(5, 9999) })).toEqual(serves);
    expect(plan({ pods, previous, proofs: failing(3, 10_000) })).toEqual(probed);
    expect(plan({ pods, previous: samplePool(probed), proofs: ok })).toEqual(serves);
    // Its failures are nothing to somebody whom Kubernetes takes for ready.
    expect(plan({ previous, proofs: failing(3, 10_000) })).toEqual(serves);
  });

  it('keeps a replica that was marked for deletion while its kubelet is not heard', () => {
    const deletingAt = new Date(sampleNow - 60_000).toISOString();
    const cut = { ...pod, ready: false, unheard: true, deletingAt };
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    expect(plan({ pods: [cut], previous })).toEqual([sampleReplica(pod, 'ready')]);
    expect(plan({ pods: [{ ...cut, unheard: false }], previous })).toEqual([
      sampleReplica(pod, 'draining', deletingAt),
    ]);
  });

  it('drains a victim until the drain time is over, and keeps the first deadline', () => {
    const deadline = new Date(sampleNow + 1000).toISOString();
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    expect(plan({ victims, previous })).toEqual([sampleReplica(pod, 'draining', deadline)]);
    const draining = samplePool([sampleReplica(pod, 'draining', deadline)]);
    expect(plan({ victims, previous: draining, now: sampleNow + 500 })).toEqual(draining.replicas);
    expect(plan({ pods: [{ ...pod, ready: false }], victims, previous: draining })).toEqual(draining.replicas);
  });

  it.each([300, 900_000])('drains a pod that somebody else deletes for as long as it lives: %i ms', (ms) => {
    const killedAt = new Date(sampleNow + ms).toISOString();
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    expect(plan({ pods: [{ ...pod, deletingAt: killedAt }], previous })).toEqual([
      sampleReplica(pod, 'draining', killedAt),
    ]);
  });

  it('does not list a released pod again before its mark is gone', () => {
    expect(plan({ pods: [{ ...pod, deletionCost: -2000 }], proofs: ok })).toEqual([]);
    const previous = samplePool([sampleReplica(pod, 'draining', new Date(sampleNow).toISOString())]);
    expect(plan({ pods: [{ ...pod, deletionCost: -2000 }], proofs: ok, previous })).toEqual(previous.replicas);
  });

  it('makes a replica whose drain was taken back ready only by a proof', () => {
    const previous = samplePool([sampleReplica(pod, 'draining', new Date(sampleNow).toISOString())]);
    expect(plan({ previous })[0]?.state).toBe('proving');
    expect(plan({ previous, proofs: ok })[0]?.state).toBe('ready');
  });
});

it('tells routers who reads its engines, and where they publish what they cache, if they do', () => {
  const spec = appliedSpec(sampleSpec(1), 1);
  const engineWith = (kvEvents: boolean): PoolDocument['engine'] | undefined => {
    const context = {
      victims: new Set<string>(),
      held,
      settings: { ...settings, manifests: { ...settings.manifests, kvEvents } },
    };
    const [document] = plannedPools(spec, sampleObserved({}), context).values();
    return document?.engine;
  };
  expect(engineWith(true)).toMatchObject({ adapter: 'vllm', kvEvents: { port: 5557, replayPort: 5558 } });
  expect(engineWith(false)).not.toHaveProperty('kvEvents');
});

it('tells routers how the endpoint wants its requests treated, and since when it is there', () => {
  const routing = { sessionHeader: 'x-conversation', choicesMax: 4 };
  const observed = sampleObserved({});
  const spec = appliedSpec(sampleSpec(1, { routing }), 1);
  const [document] = plannedPools(spec, observed, { victims: new Set(), held, settings }).values();
  expect(document).toMatchObject({ routing, createdAt: spec.createdAt });
});
