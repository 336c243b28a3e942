import { expect, it } from 'vitest';
import { sampleObserved, samplePod, sampleStatus } from '../testing/sample-endpoint.ts';
import { currentSuccesses } from './observed-state.ts';
import { type ProofRecord, proofKeys } from '../proof/proof-record.ts';

it('keeps the successes of pods that are there and of the endpoint as it is now', () => {
  const [pod, gone] = [samplePod(1), samplePod(2)];
  const at = { revision: 1, lifecycleSeq: 12, pool: 'p', host: 'h' };
  const ok: ProofRecord = { ok: true, at: 0, failures: 0 };
  const failed: ProofRecord = { ok: false, reason: '', at: 0, failures: 1 };
  const proofs = new Map<string, ProofRecord>([
    [proofKeys.replica(pod), ok],
    [proofKeys.replica({ ...pod, restarts: 1 }), ok],
    [proofKeys.replica(gone), ok],
    [proofKeys.endpoint(at), ok],
    [proofKeys.endpoint({ ...at, pool: 'other' }), failed],
    [proofKeys.endpoint({ ...at, lifecycleSeq: 1 }), ok],
    [proofKeys.endpoint({ ...at, revision: 2 }), ok],
  ]);
  const status = { document: sampleStatus({ lifecycleSeq: 12 }), seq: 1 };
  expect(currentSuccesses(sampleObserved({ pods: [pod], proofs, status }))).toEqual([
    proofKeys.replica(pod),
    proofKeys.endpoint(at),
  ]);
});
