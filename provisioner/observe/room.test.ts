import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../kube/kube-object.ts';
import { FreeRoom } from '../plan/rollout/free-room.ts';
import { RoomReader, wantsOf } from './room.ts';

const node = (name: string, allocatable: Record<string, string>, spec: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { size: name } },
  spec,
  status: { allocatable: { pods: '110', ...allocatable } },
});
const pod = (name: string, spec: object, status: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid: name, namespace: name.startsWith('our') ? 'ours' : 'theirs' },
  spec,
  status,
});
const asks = (requests: object, more: object = {}): object => ({ containers: [{ resources: { requests } }], ...more });
const gpu = (count: number, more: object = {}): object => asks({ 'nvidia.com/gpu': String(count) }, more);

/** How many such pods have room. */
function room(nodes: KubeObject[], there: KubeObject[], spec: object): number {
  const all = [...nodes, ...there];
  const free = new FreeRoom(new RoomReader().read('ours', ({ kind }) => all.filter((one) => one.kind === kind)));
  let count = 0;
  while (free.place(wantsOf(spec)) !== undefined && count < 100) count += 1;
  return count;
}

describe('what a cluster has room for', () => {
  const eight = node('a', { 'nvidia.com/gpu': '8', cpu: '4', memory: '64Gi' });

  it('is what nodes have beside everybody’s pods, those that are being deleted among them', () => {
    const going = pod('x', gpu(2, { nodeName: 'a' }));
    going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    const over = pod('y', gpu(4, { nodeName: 'a' }), { phase: 'Failed' });
    expect(room([eight], [going, over, pod('z', gpu(1, { nodeName: 'elsewhere' }))], gpu(1))).toBe(6);
  });

  it('leaves pods that wait for a node the first that they fit', () => {
    expect(room([eight], [pod('waiting', gpu(6)), pod('too big', gpu(9))], gpu(1))).toBe(2);
  });

  it('counts every resource, in all of Kubernetes’ units, and the number of pods', () => {
    expect(room([eight], [], asks({ cpu: '1500m' }))).toBe(2);
    expect(room([eight], [], asks({ memory: '20Gi' }))).toBe(3);
    expect(room([eight], [], asks({ memory: '17e9' }))).toBe(4);
    expect(room([node('b', { pods: '3' })], [], asks({}))).toBe(3);
    expect(room([eight], [], asks({ 'amd.com/gpu': '1' }))).toBe(0);
  });

  it('adds up containers and their sidecars, and takes first steps where they ask for more', () => {
    const container = { resources: { limits: { cpu: '500m' } } };
    const sidecar = { ...container, restartPolicy: 'Always' };
    const first = { resources: { requests: { cpu: '2' } } };
    const both = { containers: [container], initContainers: [sidecar, first], overhead: { cpu: '1' } };
    expect(wantsOf(both).asks).toEqual({ cpu: 3, pods: 1 });
    expect(wantsOf({ containers: [{}] }, { cpu: '100m' }).asks).toEqual({ cpu: 0.1, pods: 1 });
  });

  it('is no more than quotas of the namespace leave', () => {
    const quota = (hard: object, more: object = {}, namespace = 'ours'): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q', namespace },
      spec: { hard, ...more },
    });
    const pods = [pod('ours', gpu(1, { nodeName: 'a' })), pod('theirs', gpu(2, { nodeName: 'a' }))];
    expect(room([eight], [...pods, quota({ 'requests.nvidia.com/gpu': '3' })], gpu(1))).toBe(2);
    expect(room([eight], [...pods, quota({ pods: '5' }), quota({ 'count/pods': '4' })], gpu(1))).toBe(3);
    expect(room([eight], [...pods, quota({ cpu: '2' })], asks({ cpu: '1' }))).toBe(2);
    expect(room([eight], [...pods, quota({ pods: '0' }, { scopes: ['BestEffort'] })], gpu(1))).toBe(5);
    expect(room([eight], [...pods, quota({ pods: '0' }, {}, 'theirs')], gpu(1))).toBe(5);
    expect(room([eight], [...pods, quota({ 'services.nodeports': '0' })], gpu(1))).toBe(5);
  });

  it('heeds selectors, taints and closed nodes', () => {
    const taint = { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' };
    const tainted = node('b', { 'nvidia.com/gpu': '2' }, { taints: [taint] });
    const closed = node('c', { 'nvidia.com/gpu': '4' }, { unschedulable: true });
    const nodes = [eight, tainted, closed];
    expect(room(nodes, [], gpu(1))).toBe(8);
    const tolerations = [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }];
    expect(room(nodes, [], gpu(1, { tolerations }))).toBe(10);
    expect(room(nodes, [], gpu(1, { tolerations, nodeSelector: { size: 'b' } }))).toBe(2);
    expect(room(nodes, [], gpu(1, { tolerations: [{ key: 'nvidia.com/gpu', value: 'other' }] }))).toBe(8);
  });
});
