import { describe, expect, it } from 'vitest';
import type { StreamReading } from '#shared/contract/stream-stamp.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { fenceBinding, fencePolicy, resourceDefinition } from '../manifests/fence.ts';
import { sharedNamespace } from '../manifests/namespace.ts';
import { readClusterStamp, stampOf } from './cluster-stamp.ts';
import { planCluster, type ObservedCluster } from './plan-cluster.ts';

const stream: StreamReading = { region: 'atl1', id: 'a', adoptedAt: 5, lastSeq: 100 };
const stamped = (reading: Partial<StreamReading> = {}): KubeObject => {
  const { metadata, ...rest } = sharedNamespace();
  return { ...rest, metadata: { ...metadata, annotations: stampOf({ ...stream, ...reading }) } };
};
const observed = (parts: Partial<ObservedCluster> = {}): ObservedCluster => ({
  region: 'atl1',
  stream,
  documents: 1,
  namespace: stamped(),
  shared: [resourceDefinition(), fencePolicy(), fenceBinding()],
  inForce: true,
  ...parts,
});
const plan = (parts: Partial<ObservedCluster> = {}): string[] =>
  planCluster(observed(parts)).steps.map((step) => ('object' in step ? `apply ${step.object.kind}` : step.kind));

describe('planCluster', () => {
  it('stamps before it writes anything else, and believes a fence only once it has refused', () => {
    const fence = ['apply CustomResourceDefinition', 'apply ValidatingAdmissionPolicy'];
    const all = ['stamp', ...fence, 'apply ValidatingAdmissionPolicyBinding', 'try-fence'];
    expect(plan({ namespace: null, shared: [], inForce: false })).toEqual(all);
    expect(plan({ namespace: sharedNamespace(), shared: [], inForce: false })).toEqual(all);
    expect(plan({ inForce: false })).toEqual(['try-fence']);
    expect(plan({ shared: [resourceDefinition(), fenceBinding()] })).toEqual([
      'apply ValidatingAdmissionPolicy',
      'try-fence',
    ]);
    expect(plan()).toEqual([]);
  });

  it('remembers how far the stream has come, and whose word it goes on', () => {
    for (const reading of [{ lastSeq: 99 }, { id: 'b', adoptedAt: 4 }, { lastSeq: 900, adoptedAt: 4 }])
      expect(plan({ namespace: stamped(reading) })).toEqual(['stamp']);
    expect(readClusterStamp(stamped())).toEqual(stream);
    expect([null, sharedNamespace()].map(readClusterStamp)).toEqual([undefined, undefined]);
  });

  it.each([
    ['ForeignCluster', { region: 'nyc2' }],
    ['ForeignCluster', { region: 'nyc2', id: 'b', adoptedAt: 4 }],
    ['StreamReplaced', { id: 'b' }],
    ['StreamReplaced', { id: 'b', lastSeq: 1 }],
    ['StreamRestored', { lastSeq: 101 }],
  ] as const)('touches nothing: %s when the stamp has %j', (reason, reading) => {
    const { refusal, steps } = planCluster(observed({ namespace: stamped(reading), shared: [], inForce: false }));
    expect({ reason: refusal?.reason, steps }).toEqual({ reason, steps: [] });
  });
});
