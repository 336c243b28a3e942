import { describe, expect, it } from 'vitest';
import { sampleIds, sampleSpec } from '../testing/sample-endpoint.ts';
import type { DesiredEntry } from '../desired/desired-map.ts';
import { KubeError } from '../kube/kube-error.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { customResource } from '../manifests/custom-resource.ts';
import { appliedSpec } from '../manifests/applied-spec.ts';
import type { Step } from '../plan/step.ts';
import type { StepContext } from './step-context.ts';
import { takeStep } from './take-step.ts';
import type { KubeWrites } from '../kube/kube-client.ts';

const resource = customResource(appliedSpec(sampleSpec(1), 7));
const seen = { kind: kinds.pod, name: 'engine-1', namespace: 'n', uid: 'uid-1', resourceVersion: '9' };
const notFound = new KubeError({ status: 404, reason: 'NotFound', message: 'gone' });
const conflict = new KubeError({ status: 409, reason: 'Conflict', message: 'another uid' });

/** A context whose cluster answers each call with the same thing, and remembers what it was asked. */
function context(answer: KubeObject | KubeError, desired: DesiredEntry = { kind: 'absent' }) {
  const calls: unknown[][] = [];
  const call =
    (name: string) =>
    (...given: unknown[]): Promise<KubeObject> => {
      calls.push([name, ...given]);
      return answer instanceof KubeError ? Promise.reject(answer) : Promise.resolve(answer);
    };
  const kube: KubeWrites = {
    get: call('get'),
    apply: call('apply'),
    applyStatus: call('applyStatus'),
    patch: call('patch'),
    delete: call('delete'),
  };
  const parts = {
    endpointId: sampleIds.endpoint,
    kube,
    documents: { desired: () => Promise.resolve(desired) },
    proofs: { ask: (...given: unknown[]) => void calls.push(['ask', ...given]) },
    wrote: (object: KubeObject) => (calls.push(['wrote', object]), 'changed' as const),
    signal: new AbortController().signal,
  };
  // Steps that write to NATS are covered on a real server.
  const made = parts as Partial<StepContext> as StepContext;
  return { calls, take: (step: Step) => takeStep(made, step) };
}

describe('steps', () => {
  it('apply the whole intent, to the object and the state that were seen where the step says so', async () => {
    const { calls, take } = context(resource);
    expect(await take({ kind: 'apply', object: resource, uid: 'uid-1', why: '' })).toBe('changed');
    expect(await take({ kind: 'apply', object: resource, resourceVersion: '5', why: '' })).toBe('changed');
    expect(calls).toMatchObject([
      ['apply', resource, { uid: 'uid-1' }],
      ['wrote', resource],
      ['apply', resource, { resourceVersion: '5' }],
      ['wrote', resource],
    ]);
  });

  it('create a custom resource only for the newest spec', async () => {
    const step: Step = { kind: 'create-resource', object: resource, revision: 7, why: '' };
    const newest = { kind: 'spec' as const, spec: sampleSpec(1), revision: 7 };
    expect(await context(resource, newest).take(step)).toBe('changed');
    const stale: DesiredEntry[] = [
      { ...newest, revision: 8 },
      { kind: 'absent' },
      { kind: 'tombstone', revision: 9 },
      { ...newest, spec: sampleSpec(1, { deletion: { requestedAt: '', requestedBy: '' } }) },
    ];
    for (const desired of stale) {
      const { calls, take } = context(resource, desired);
      await expect(take(step)).rejects.toThrow('is not the newest any more');
      expect(calls).toEqual([]);
    }
  });

  it('delete exactly what was seen, and take its absence for done', async () => {
    const { calls, take } = context(resource);
    expect(await take({ kind: 'delete', seen, why: '' })).toBe('changed');
    const preconditions = { uid: 'uid-1', resourceVersion: '9' };
    const asked = ['delete', kinds.pod, { name: 'engine-1', namespace: 'n' }, { preconditions }];
    // Something still holds it: the next look waits until the cache shows it so, and deletes nothing twice.
    expect(calls).toMatchObject([asked, ['wrote', resource]]);
    expect(await context(notFound).take({ kind: 'delete', seen, why: '' })).toBe('unchanged');
    await expect(context(conflict).take({ kind: 'delete', seen, why: '' })).rejects.toThrow('another uid');
  });

  it('mark pods under the same preconditions, and take marks back', async () => {
    const { calls, take } = context(resource);
    await take({ kind: 'mark-pod', seen, cost: -1000, why: '' });
    await take({ kind: 'mark-pod', seen, cost: 0, why: '' });
    const patch = (cost: string | null) => ({
      patch: {
        metadata: {
          uid: 'uid-1',
          resourceVersion: '9',
          annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost },
        },
      },
    });
    const patches = calls.filter(([name]) => name === 'patch').map(([, , , change]) => change);
    expect(patches).toMatchObject([patch('-1000'), patch(null)]);
    expect(await context(notFound).take({ kind: 'mark-pod', seen, cost: 0, why: '' })).toBe('unchanged');
  });

  it('release a resource by leaving other finalizers in place', async () => {
    const { calls, take } = context(resource);
    await take({ kind: 'release-resource', seen, finalizers: ['other'], why: '' });
    const metadata = { uid: 'uid-1', resourceVersion: '9', finalizers: ['other'] };
    expect(calls[0]?.[3]).toMatchObject({ patch: { metadata } });
  });

  it('call an endpoint gone only when the API server has neither resource nor namespace', async () => {
    expect(await context(notFound).take({ kind: 'confirm-gone', why: '' })).toBe('unchanged');
    await expect(context(resource).take({ kind: 'confirm-gone', why: '' })).rejects.toThrow('is still there');
    await expect(context(conflict).take({ kind: 'confirm-gone', why: '' })).rejects.toThrow('another uid');
  });
});
