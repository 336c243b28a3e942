import { expect, it } from 'vitest';
import type { KubeObject } from '../objects/object.ts';
import type { Container, Pod } from '../objects/workloads.ts';
import { mountsOf, onMachine } from './pod-volumes.ts';

const object: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', uid: 'u' },
  spec: {
    containers: [],
    volumes: [
      { name: 'cache', emptyDir: {} },
      { name: 'shm', emptyDir: { medium: 'Memory' } },
    ],
  },
};
const container: Container = {
  name: 'c',
  image: 'i',
  resources: {},
  volumeMounts: [
    { name: 'cache', mountPath: '/cache' },
    { name: 'shm', mountPath: '/dev/shm' },
  ],
};
const mounts = mountsOf(object as Pod, container, '/volumes');

it('gives a pod folders of its own for its volumes, and none for those in memory', () => {
  expect(mounts).toEqual({ '/cache': '/volumes/u/cache' });
});

it.each([
  ['/cache', '/volumes/u/cache'],
  ['/cache/home', '/volumes/u/cache/home'],
  ['--download-dir=/cache/a', '--download-dir=/volumes/u/cache/a'],
  ['/cached', '/cached'],
  ['a /cache/b', 'a /cache/b'],
  ['/dev/shm', '/dev/shm'],
])('%s is %s', (text, expected) => {
  expect(onMachine(text, mounts)).toBe(expected);
});
