import { describe, expect, it } from 'vitest';
import { sampleIds, sampleSpec } from '../testing/sample-endpoint.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import { appliedSpec } from './applied-spec.ts';
import { customResource } from './custom-resource.ts';
import { namespaceName, resourceName, endpointOf, intentSeqOf, labels } from './names.ts';

const { endpoint } = sampleIds;
const object = (kind: string, metadata: Partial<ObjectMeta>): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'x', labels: { [labels.endpoint]: endpoint }, ...metadata },
});
const owner = (name: string, kind = 'DedicatedInference') => ({
  ownerReferences: [{ apiVersion: 'fairway.dev/v1', kind, name, uid: 'u' }],
});
const [own, mine] = [namespaceName(endpoint), owner(resourceName(endpoint))];

describe('an object is of an endpoint only if label, name and owner agree', () => {
  it.each([
    ['its custom resource', customResource(appliedSpec(sampleSpec(1), 7)), true],
    ['its namespace', object('Namespace', { name: own, ...mine }), true],
    ['what lies in its namespace', object('Pod', { namespace: own }), true],
    ['a namespace of another name', object('Namespace', { name: 'payroll', ...mine }), false],
    ['a namespace of its name that nobody owns', object('Namespace', { name: own }), false],
    ['a namespace of another owner', object('Namespace', { name: own, ...owner('di-other') }), false],
    [
      'a namespace of another kind of owner',
      object('Namespace', { name: own, ...owner(resourceName(endpoint), 'Tenant') }),
      false,
    ],
    ['an object elsewhere', object('Secret', { namespace: 'payroll' }), false],
    ['a resource of another name', object('DedicatedInference', { name: 'di-other' }), false],
    ['an object without the label', object('Pod', { namespace: own, labels: {} }), false],
  ])('%s', (_what, given, ours) => expect(endpointOf(given)).toBe(ours ? endpoint : undefined));
});

it('a custom resource says in its spec what it was written for, everything else in its annotation', () => {
  expect(intentSeqOf(customResource(appliedSpec(sampleSpec(1), 7)))).toBe(7);
  expect(intentSeqOf(object('Secret', { annotations: { 'fairway.dev/intent-seq': '9' } }))).toBe(9);
  expect(intentSeqOf(object('Secret', { annotations: { 'fairway.dev/intent-seq': 'x' } }))).toBe(-1);
  expect(intentSeqOf(object('Secret', {}))).toBe(-1);
});
