import { describe, expect, test } from 'vitest';
import type { KubeObject } from './kube-object.ts';
import { ObjectStore } from './object-store.ts';

const pod = (name: string, version: number, fields: { uid?: string; endpoint?: string } = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'ns',
    uid: fields.uid ?? name,
    resourceVersion: String(version),
    labels: { endpoint: fields.endpoint ?? 'e1' },
  },
});
const store = (): ObjectStore => new ObjectStore((object) => object.metadata.labels?.['endpoint']);
const names = (objects: KubeObject[]): string[] => objects.map((object) => object.metadata.name).toSorted();

describe('ObjectStore', () => {
  test('events become changes with the old and the new object', () => {
    const objects = store();
    const [first, second] = [pod('a', 1), pod('a', 2)];
    expect(objects.take({ type: 'ADDED', object: first })).toEqual([{ type: 'added', new: first }]);
    expect(objects.take({ type: 'MODIFIED', object: second })).toEqual([{ type: 'changed', old: first, new: second }]);
    expect(objects.take({ type: 'DELETED', object: pod('a', 3) })).toEqual([{ type: 'deleted', old: second }]);
    expect(objects.size).toBe(0);
  });

  test('versions are compared as integers of any size, and older events are dropped', () => {
    const objects = store();
    objects.take({ type: 'ADDED', object: pod('a', 10) });
    expect(objects.take({ type: 'MODIFIED', object: pod('a', 9) })).toEqual([]);
    expect(objects.take({ type: 'DELETED', object: pod('a', 9) })).toEqual([]);
    const huge = { ...pod('a', 0), metadata: { ...pod('a', 0).metadata, resourceVersion: '9007199254740993' } };
    const huger = { ...huge, metadata: { ...huge.metadata, resourceVersion: '9007199254740994' } };
    objects.take({ type: 'MODIFIED', object: huger });
    expect(objects.take({ type: 'MODIFIED', object: huge })).toEqual([]);
  });

  test('the same event twice is one change', () => {
    const objects = store();
    objects.take({ type: 'ADDED', object: pod('a', 1) });
    expect(objects.take({ type: 'ADDED', object: pod('a', 1) })).toEqual([]);
    expect(objects.take({ type: 'DELETED', object: pod('zzz', 2) })).toEqual([]);
  });

  test('a list tells the deletions that no event told', () => {
    const objects = store();
    objects.replace([pod('a', 1), pod('b', 2)]);
    expect(objects.replace([pod('b', 5), pod('c', 4)]).map((change) => change.type)).toEqual([
      'deleted',
      'changed',
      'added',
    ]);
    expect(names(objects.list())).toEqual(['b', 'c']);
    expect(objects.replace([pod('b', 5), pod('c', 4)])).toEqual([]);
  });

  test('another uid under the same name is a deletion and an addition', () => {
    const objects = store();
    objects.replace([pod('a', 1)]);
    const anew = pod('a', 2, { uid: 'other' });
    expect(objects.replace([anew])).toEqual([
      { type: 'deleted', old: pod('a', 1) },
      { type: 'added', new: anew },
    ]);
  });

  test('the index follows changes, moves and deletions', () => {
    const objects = store();
    objects.replace([pod('a', 1), pod('b', 1, { endpoint: 'e2' })]);
    expect(names(objects.indexed('e1'))).toEqual(['a']);
    objects.take({ type: 'MODIFIED', object: pod('a', 2, { endpoint: 'e2' }) });
    expect(names(objects.indexed('e2'))).toEqual(['a', 'b']);
    expect(objects.indexed('e1')).toEqual([]);
    objects.take({ type: 'DELETED', object: pod('b', 3) });
    expect(names(objects.indexed('e2'))).toEqual(['a']);
  });

  test('cluster-scoped and namespaced objects of one name are two', () => {
    const objects = store();
    const cluster = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', resourceVersion: '1' } };
    objects.replace([pod('a', 1), cluster]);
    expect(objects.get({ name: 'a' })).toBe(cluster);
    expect(objects.get({ namespace: 'ns', name: 'a' })).toEqual(pod('a', 1));
  });
});
