import { describe, expect, it } from 'vitest';
import { replicasOf, revised, started, statesOf } from '../testing/sample-cluster.ts';
import { sampleIds, sampleOnOtherGpus, sampleSettings, sampleSpec } from '../testing/sample-endpoint.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { planEndpoint } from './plan.ts';

describe('the proofs that a plan asks for', () => {
  it('proves an active endpoint again by age, without a word while it answers', () => {
    const cluster = started(2);
    const { status } = cluster;
    cluster.taken.length = 0;
    for (let round = 0; round < 3; round += 1) {
      cluster.now += sampleSettings.reproveMs - 1;
      cluster.run();
      expect(cluster.taken).toHaveLength(2 * round);
      cluster.now += 1;
      cluster.run();
      expect(cluster.taken).toHaveLength(2 * round + 2);
      expect(new Set(cluster.taken)).toEqual(new Set(['prove ']));
    }
    expect(cluster.status).toBe(status);
  });

  it('proves each pool once through each listener that is enabled, by any router that is heard', () => {
    const cluster = started(2);
    cluster.now += sampleSettings.reproveMs;
    const asked = (listeners: ObservedState['listeners'], enablePublicEndpoint = true) => {
      cluster.desired = revised(sampleSpec(2, { enablePublicEndpoint }), 1);
      const { steps } = planEndpoint({ ...cluster.observe(), listeners }, sampleSettings);
      return steps.flatMap((step) => (step.kind === 'prove' ? [step.listenerUrls] : []));
    };
    const two = { public: ['http://a', 'http://b'], private: ['http://c', 'http://d'] };
    expect(asked(two)).toEqual([two.private, two.public]);
    expect(asked(two, false)).toEqual([two.private]);
    expect(asked({ public: [], private: [] })).toEqual([]);
  });

  it('loses an endpoint after three failed proofs in a row, and has it back after a success', () => {
    const cluster = started(2);
    const { status } = cluster;
    cluster.failProofs();
    cluster.now += sampleSettings.reproveMs;
    const reachable = () => cluster.status.document?.conditions.find(({ type }) => type === 'Reachable');
    for (let failures = 1; failures <= 3; failures += 1) {
      cluster.look();
      expect(cluster.status).toBe(status);
    }
    cluster.look();
    const lost = { state: 'updating', phase: 'proof', reason: 'ProofFailed', live: { revision: 1 } };
    expect(cluster.status.document).toMatchObject(lost);
    const { seq } = cluster.status;
    cluster.run();
    cluster.now += sampleSettings.changeDeadlineMs;
    cluster.run();
    expect(reachable()).toMatchObject({ status: 'False', reason: 'ProofFailed', message: 'no answer' });
    expect(cluster.status).toMatchObject({ seq, document: { ...lost, rejection: null } });
    cluster.answerProofs();
    cluster.look();
    cluster.run();
    expect(cluster.status).toMatchObject({
      seq: seq + 1,
      document: { state: 'active', phase: 'done', live: { revision: 1 } },
    });
    expect(statesOf(cluster)).toEqual(['ready', 'ready']);
  });

  it('does not take replicas of the old template for a proof of the new one', () => {
    const cluster = started(2);
    cluster.podsStart = false;
    cluster.desired = revised(sampleOnOtherGpus(2), 2);
    cluster.run();
    const waiting = { state: 'updating', live: { revision: 1 }, replicas: { desired: 2, ready: 2 } };
    expect(cluster.status.document).toMatchObject({ ...waiting, phase: expect.not.stringMatching(/proof|done/) });
    expect(replicasOf(cluster)).toBe(4);
    cluster.podsStart = true;
    cluster.changePods({
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: 'True' },
      ],
    });
    cluster.look();
    cluster.look();
    // Old and new are both listed: the endpoint's own proof has to come from a new one.
    const asked = cluster.look().steps.flatMap((step) => (step.kind === 'prove' ? [step.replicaId] : []));
    const listed = cluster.pools.get(sampleIds.pool)?.document?.replicas ?? [];
    const [old, fresh] = [listed[0], listed.at(-1)];
    expect(old?.revision).not.toBe(fresh?.revision);
    expect(asked.length).toBeGreaterThan(0);
    for (const replicaId of asked)
      expect(listed.find((replica) => replica.replicaId === replicaId)?.revision).toBe(fresh?.revision);
    cluster.run();
    expect(cluster.status.document).toMatchObject({ state: 'active', live: { revision: 2 } });
    expect(cluster.harmed).toEqual([]);
  });
});
