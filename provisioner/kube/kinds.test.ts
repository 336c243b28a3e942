import { describe, expect, test } from 'vitest';
import { kindOf, kinds, pathOf } from './kinds.ts';

describe('pathOf', () => {
  test.each([
    [pathOf(kinds.pod, {}), '/api/v1/pods'],
    [pathOf(kinds.pod, { namespace: 'a' }), '/api/v1/namespaces/a/pods'],
    [pathOf(kinds.pod, { namespace: 'a', name: 'b' }), '/api/v1/namespaces/a/pods/b'],
    [pathOf(kinds.namespace, { name: 'a' }), '/api/v1/namespaces/a'],
    [
      pathOf(kinds.deployment, { namespace: 'a', name: 'b', subresource: 'status' }),
      '/apis/apps/v1/namespaces/a/deployments/b/status',
    ],
    [pathOf(kinds.dedicatedInference, { name: 'a' }), '/apis/fairway.dev/v1/dedicatedinferences/a'],
    [pathOf(kinds.pod, { namespace: '../x', name: 'a/b?c' }), '/api/v1/namespaces/..%2Fx/pods/a%2Fb%3Fc'],
  ])('%s', (path, expected) => {
    expect(path).toBe(expected);
  });

  test('a namespaced object without its namespace is refused', () => {
    expect(() => pathOf(kinds.pod, { name: 'a' })).toThrow('give its namespace');
  });
});

describe('kindOf', () => {
  test('finds every row by its own apiVersion and kind', () => {
    for (const kind of Object.values(kinds)) expect(kindOf(kind)).toBe(kind);
  });

  test('names the file to change for an unknown kind', () => {
    expect(() => kindOf({ apiVersion: 'v2', kind: 'Pod' })).toThrow('provisioner/kube/kinds.ts');
  });
});
