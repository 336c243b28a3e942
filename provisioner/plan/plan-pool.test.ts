import { describe, expect, it } from 'vitest';
import { planReplicas, type PoolState } from './plan-pool.ts';
import { sampleNow, samplePod, samplePool, sampleReplica } from '../testing/sample-endpoint.ts';
import { proofKeys } from '../proof/proof-record.ts';

const pod = samplePod(1);
const ok = new Map([[proofKeys.replica(pod), { ok: true as const }]]);
const plan = (parts: Partial<PoolState>): ReturnType<typeof planReplicas> =>
  planReplicas({
    pods: [pod],
    previous: null,
    victims: new Set(),
    proofs: new Map(),
    now: sampleNow,
    drainTimeoutMs: 1000,
    ...parts,
  });
const victims = new Set([pod.replicaId]);

describe('planReplicas', () => {
  it('lists a ready pod as proving, and as ready once it has answered', () => {
    expect(plan({})).toEqual([sampleReplica(pod, 'proving')]);
    expect(plan({ proofs: ok })).toEqual([sampleReplica(pod, 'ready')]);
    const failed = new Map([[proofKeys.replica(pod), { ok: false as const, reason: 'no' }]]);
    expect(plan({ proofs: failed })).toEqual([sampleReplica(pod, 'proving')]);
  });

  it('keeps a proven replica across restarts of the provisioner', () => {
    expect(plan({ previous: samplePool([sampleReplica(pod, 'ready')]) })).toEqual([sampleReplica(pod, 'ready')]);
  });

  it('asks for a new proof when the engine has restarted behind the same address', () => {
    const again = { ...pod, restarts: 1 };
    expect(plan({ pods: [again], proofs: ok })[0]?.state).toBe('proving');
  });

  it('does not list what has no address, is not ready, or is going without ever having been listed', () => {
    expect(plan({ pods: [{ ...pod, address: undefined }] })).toEqual([]);
    expect(plan({ pods: [{ ...pod, ready: false }], previous: samplePool([sampleReplica(pod, 'ready')]) })).toEqual([]);
    expect(plan({ victims })).toEqual([]);
    expect(plan({ pods: [{ ...pod, deletingAt: new Date(sampleNow).toISOString() }] })).toEqual([]);
  });

  it('drains a victim until the drain time is over, and keeps the first deadline', () => {
    const deadline = new Date(sampleNow + 1000).toISOString();
    const previous = samplePool([sampleReplica(pod, 'ready')]);
    expect(plan({ victims, previous })).toEqual([sampleReplica(pod, 'draining', deadline)]);
    const draining = samplePool([sampleReplica(pod, 'draining', deadline)]);
    expect(plan({ victims, previous: draining, now: sampleNow + 500 })).toEqual(draining.replicas);
    expect(plan({ pods: [{ ...pod, ready: false }], victims, previous: draining })).toEqual(draining.replicas);
  });

  it('drains a pod that somebody else deletes for no longer than it lives', () => {
    const killedAt = new Date(sampleNow + 300).toISOString();
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
