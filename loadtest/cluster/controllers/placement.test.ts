import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../objects/object.ts';
import type { Pod } from '../objects/workloads.ts';
import { rankForDeletion } from './replica-sets.ts';
import { placePod, quantity } from './scheduler.ts';

function pod(name: string, fields: { gpus?: number; node?: string; spec?: object } = {}): Pod {
  const resources = { limits: { 'nvidia.com/gpu': String(fields.gpus ?? 0) } };
  const spec = { containers: [{ name: 'c', image: 'i', resources }], ...fields.spec };
  const nodeName = fields.node === undefined ? {} : { nodeName: fields.node };
  const whole: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { ...spec, ...nodeName },
    status: {},
  };
  return whole as Pod;
}
const node = (
  name: string,
  fields: { gpus?: number; labels?: Record<string, string>; spec?: object } = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: fields.labels ?? {} },
  spec: (fields.spec ?? {}) as NonNullable<KubeObject['spec']>,
  status: { allocatable: { 'nvidia.com/gpu': String(fields.gpus ?? 8), pods: '110' } },
});

describe('placePod', () => {
  it('takes the node with the most room', () => {
    const bound = [pod('a', { gpus: 6, node: 'one' })];
    expect(placePod(pod('x', { gpus: 1 }), [node('one'), node('two')], bound)).toEqual({ node: 'two' });
  });

  it('counts what ending pods still hold, and not what finished ones held', () => {
    const held = pod('a', { gpus: 8, node: 'one' });
    const ending = { ...held, metadata: { ...held.metadata, deletionTimestamp: '2026-11-22T10:00:00Z' } };
    expect(placePod(pod('x', { gpus: 1 }), [node('one')], [ending])).toHaveProperty('reason');
    expect(placePod(pod('x', { gpus: 1 }), [node('one')], [{ ...held, status: { phase: 'Failed' } }])).toEqual({
      node: 'one',
    });
  });

  it('says for every node why it does not fit', () => {
    const taint = { taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }] };
    const nodes = [node('a', { gpus: 4 }), node('b', { spec: { unschedulable: true } }), node('c', { spec: taint })];
    expect(placePod(pod('x', { gpus: 8 }), nodes, [])).toEqual({
      reason:
        '0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.',
    });
    expect(placePod(pod('x'), [], [])).toEqual({ reason: 'no nodes available to schedule pods' });
  });

  it('obeys node selectors and tolerations', () => {
    const taint = { taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }] };
    const nodes = [node('plain'), node('tainted', { labels: { pool: 'gpu' }, spec: taint })];
    const wish = { nodeSelector: { pool: 'gpu' }, tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }] };
    expect(placePod(pod('x', { spec: wish }), nodes, [])).toEqual({ node: 'tainted' });
  });

  it.each([
    ['500m', 0.5],
    ['8', 8],
    ['1Gi', 2 ** 30],
    ['2k', 2000],
    ['x', Number.NaN],
  ])('reads the quantity %s', (text, number) => expect(quantity(text)).toBe(number));
});

describe('rankForDeletion', () => {
  const ready = (name: string, cost: string, since: string): Pod => {
    const base = pod(name, { node: `node-of-${name}` });
    const annotations = { 'controller.kubernetes.io/pod-deletion-cost': cost };
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: since }];
    return { ...base, metadata: { ...base.metadata, annotations }, status: { phase: 'Running', conditions } };
  };

  it('gives up the unbound, the unready, the cheap, then the young', () => {
    const pods = [
      ready('old', '0', '2026-11-22T09:00:00Z'),
      ready('young', '0', '2026-11-22T10:00:00Z'),
      ready('cheap', '-5', '2026-11-22T08:00:00Z'),
      { ...pod('starting', { node: 'n' }), status: { phase: 'Running' } },
      pod('unbound'),
    ];
    expect(rankForDeletion(pods).map(({ metadata }) => metadata.name)).toEqual([
      'unbound',
      'starting',
      'cheap',
      'young',
      'old',
    ]);
  });
});
