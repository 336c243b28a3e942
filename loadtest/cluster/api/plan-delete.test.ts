import { describe, expect, it } from 'vitest';
import { builtin } from '../objects/kinds.ts';
import type { KubeObject } from '../objects/object.ts';
import { planDelete } from './plan-delete.ts';

const now = Date.parse('2026-11-22T10:00:00Z');
const object = (kind: string, fields: Partial<KubeObject> & { metadata?: object } = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  ...fields,
  metadata: { name: 'x', ...fields.metadata },
});
const marksOf = (plan: ReturnType<typeof planDelete>): unknown =>
  plan.gone || [plan.object.metadata.deletionTimestamp, plan.object.metadata.deletionGracePeriodSeconds];

describe('planDelete', () => {
  const pods = builtin('/pods');
  const bound = object('Pod', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 60 } });

  const at10 = '2026-11-22T10:00:00Z';
  it.each([
    { what: 'a plain object goes at once', kind: builtin('/configmaps'), live: object('ConfigMap'), marks: true },
    { what: 'a pod without a node goes at once', kind: pods, live: object('Pod', { spec: {} }), marks: true },
    { what: 'a pod on a node has its grace', kind: pods, live: bound, marks: ['2026-11-22T10:01:00Z', 60] },
    {
      what: 'the request may shorten it',
      kind: pods,
      live: bound,
      graceSeconds: 5,
      marks: ['2026-11-22T10:00:05Z', 5],
    },
    { what: 'no grace means now', kind: pods, live: bound, graceSeconds: 0, marks: true },
    { what: 'a finished pod needs none', kind: pods, live: { ...bound, status: { phase: 'Failed' } }, marks: true },
    { what: 'a namespace waits', kind: builtin('/namespaces'), live: object('Namespace'), marks: [at10, 0] },
  ])('$what', ({ kind, live, graceSeconds, marks }) => {
    expect(marksOf(planDelete(kind, live, { gracePeriodSeconds: graceSeconds, now }))).toEqual(marks);
  });

  it('never lengthens the grace that runs', () => {
    const first = planDelete(pods, bound, { gracePeriodSeconds: 5, now });
    const marked = first.gone ? bound : first.object;
    expect(planDelete(pods, marked, { gracePeriodSeconds: 60, now: now + 1000 })).toEqual({
      gone: false,
      object: marked,
    });
    expect(planDelete(pods, marked, { gracePeriodSeconds: 0, now })).toEqual({ gone: true });
  });

  it('waits for finalizers, and adds its own for a foreground delete', () => {
    const plan = planDelete(builtin('/configmaps'), object('ConfigMap'), { propagationPolicy: 'Foreground', now });
    expect(plan).toMatchObject({ gone: false, object: { metadata: { finalizers: ['foregroundDeletion'] } } });
  });
});
