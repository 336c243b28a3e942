import { describe, expect, it } from 'vitest';
import { dedicatedInferenceSchema } from '#shared/contract/resource.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { specDocument, statusDocument } from '#shared/testing/documents.ts';
import { project } from './project.ts';

const endpointId = specDocument().endpointId;
const https = { scheme: 'https' } as const;
const deletion = { requestedAt: '2026-11-22T13:00:00.000Z', requestedBy: 'token-1' };
const liveAt = (revision: number): StatusDocument['live'] => {
  const { version, name, enablePublicEndpoint, deployments, createdAt, updatedAt } = specDocument();
  return { revision, version, name, enablePublicEndpoint, deployments, createdAt, updatedAt };
};
const rejection = {
  revision: 8,
  reason: 'NoCapacity',
  message: 'no GPU',
  hint: 'ask for less',
  at: '2026-11-22T13:00:00.000Z',
};
const status = (parts: Partial<StatusDocument>): StatusDocument => statusDocument({ endpointId, ...parts });

interface Case {
  what: string;
  spec?: Partial<SpecDocument>;
  status: StatusDocument | null;
  expected: { status: string; spec: boolean; pending: string | false; phase: string };
}

/** Revision 8 is the newest spec in every case. */
const cases: Case[] = [
  {
    what: 'no status yet',
    status: null,
    expected: { status: 'new', spec: false, pending: 'provisioning', phase: 'capacity' },
  },
  {
    what: 'taken up',
    status: status({ observedRevision: 8, phase: 'weights' }),
    expected: { status: 'provisioning', spec: false, pending: 'provisioning', phase: 'weights' },
  },
  {
    what: 'live',
    status: status({ state: 'active', observedRevision: 8, live: liveAt(8), phase: 'done' }),
    expected: { status: 'active', spec: true, pending: false, phase: 'done' },
  },
  {
    what: 'changed, not yet observed',
    status: status({ state: 'active', observedRevision: 4, live: liveAt(4), phase: 'done' }),
    expected: { status: 'updating', spec: true, pending: 'updating', phase: 'capacity' },
  },
  {
    what: 'changed, under way',
    status: status({ state: 'updating', observedRevision: 8, live: liveAt(4), phase: 'load' }),
    expected: { status: 'updating', spec: true, pending: 'updating', phase: 'load' },
  },
  {
    what: 'rejected with something live',
    status: status({ state: 'active', observedRevision: 8, live: liveAt(4), phase: 'done', rejection }),
    expected: { status: 'active', spec: true, pending: false, phase: 'done' },
  },
  {
    what: 'rejected before anything was live',
    status: status({ state: 'error', observedRevision: 8, rejection }),
    expected: { status: 'error', spec: false, pending: 'provisioning', phase: 'capacity' },
  },
  {
    what: 'tried again after an error',
    status: status({ state: 'error', observedRevision: 4 }),
    expected: { status: 'provisioning', spec: false, pending: 'provisioning', phase: 'capacity' },
  },
  {
    what: 'deletion asked for, not yet observed',
    spec: { deletion },
    status: status({ state: 'active', observedRevision: 4, live: liveAt(4), phase: 'done' }),
    expected: { status: 'deleting', spec: true, pending: false, phase: 'teardown' },
  },
  {
    what: 'deletion before anything was seen',
    spec: { deletion },
    status: null,
    expected: { status: 'deleting', spec: false, pending: 'provisioning', phase: 'teardown' },
  },
  {
    what: 'gone, not yet released',
    spec: { deletion },
    status: status({ state: 'gone', observedRevision: 8, phase: 'teardown' }),
    expected: { status: 'deleting', spec: false, pending: 'provisioning', phase: 'teardown' },
  },
];

describe('the resource', () => {
  it.each(cases)('$what', ({ spec, status: reported, expected }) => {
    const resource = project({ spec: specDocument(spec), revision: 8 }, reported, https);
    expect(dedicatedInferenceSchema.safeParse(resource).error).toBeUndefined();
    expect({
      status: resource.status,
      spec: resource.spec !== undefined,
      pending: resource.pending_deployment_spec?.status ?? false,
      phase: resource.phase,
    }).toEqual(expected);
    expect(resource.revision).toBe(8);
    expect('pending_deployment_spec' in resource).toBe(expected.pending !== false);
  });

  it('names its endpoints only once something is live, with scheme and port', () => {
    const hosts = { public: 'a-public-x.test', private: 'a-private-x.test' };
    const revised = { spec: specDocument(), revision: 8 };
    expect(project(revised, status({ hosts }), https).endpoints).toBeUndefined();
    const live = status({ state: 'active', observedRevision: 8, live: liveAt(8), hosts });
    expect(project(revised, live, https).endpoints).toEqual({
      public_endpoint_fqdn: 'https://a-public-x.test',
      private_endpoint_fqdn: 'https://a-private-x.test',
    });
    const local = project(revised, { ...live, hosts: { private: 'a.test' } }, { scheme: 'http', port: 8080 });
    expect(local.endpoints).toEqual({ private_endpoint_fqdn: 'http://a.test:8080' });
  });

  it('counts the replicas that are wanted, none while deleting', () => {
    const [model] = specDocument().deployments;
    const two =
      model === undefined
        ? []
        : [model, { ...model, accelerators: model.accelerators.map((group) => ({ ...group, scale: 3 })) }];
    const ready = status({ observedRevision: 8, replicas: { desired: 9, ready: 1 } });
    expect(project({ spec: specDocument({ deployments: two }), revision: 8 }, ready, https).replicas).toEqual({
      desired: 5,
      ready: 1,
    });
    expect(project({ spec: specDocument({ deletion }), revision: 8 }, ready, https).replicas.desired).toBe(0);
  });

  it('shows how far a change is, and when it should be ready where that is known', () => {
    const at = '2026-11-22T12:00:00.000Z';
    const revised = { spec: specDocument(), revision: 8 };
    expect(project(revised, null, https).progress).toEqual({ passed: 0, steps: 7, since: at });
    const progress = { passed: 4, steps: 7 };
    const loading = status({ observedRevision: 8, phase: 'load', progress });
    expect(project(revised, loading, https).progress).toEqual({ ...progress, since: at });
    const estimate = { readyAt: at, readyBy: at, likeness: 'model', changes: 3 } as const;
    expect(project(revised, { ...loading, progress: { ...progress, estimate } }, https).progress).toEqual({
      ...progress,
      since: at,
      estimate: { ready_at: at, ready_by: at, likeness: 'model', changes: 3 },
    });
    // A status of the change before says nothing about this one, and a deletion has no steps.
    expect(project(revised, { ...loading, observedRevision: 4 }, https).progress).toMatchObject({ passed: 0 });
    expect(project({ spec: specDocument({ deletion }), revision: 8 }, null, https).progress).toBeUndefined();
  });

  it('says what to do next where the status does, of the change and of each condition', () => {
    const revised = { spec: specDocument(), revision: 8 };
    const condition = {
      type: 'Ready' as const,
      status: 'False' as const,
      reason: 'OOMKilled',
      message: '',
      hint: 'take less',
      observedRevision: 8,
      lastTransitionTime: '2026-11-22T12:00:00.000Z',
    };
    const stuck = status({ observedRevision: 8, hint: 'take less', conditions: [condition] });
    expect(project(revised, stuck, https)).toMatchObject({ hint: 'take less', conditions: [{ hint: 'take less' }] });
    expect(project(revised, status({ observedRevision: 8 }), https)).not.toHaveProperty('hint');
  });

  it('says why a change is not taken up: nothing may be changed now, or nobody has come to it yet', () => {
    const stalled = {
      type: 'Stalled' as const,
      status: 'True' as const,
      reason: 'Fenced',
      message: 'older',
      hint: 'bring it back',
      observedRevision: 4,
      lastTransitionTime: '2026-11-22T12:00:00.000Z',
    };
    const revised = { spec: specDocument(), revision: 8 };
    const held = status({ observedRevision: 4, conditions: [stalled] });
    expect(project(revised, held, https)).toMatchObject({ reason: 'Fenced', hint: 'bring it back', phase: 'capacity' });
    const given = { ...held, rejection: { ...rejection, revision: 4, reason: 'Fenced' } };
    expect(project(revised, given, https)).toMatchObject({ reason: 'Accepted' });
    expect(project(revised, given, https)).not.toHaveProperty('hint');
  });

  it('shows what drains are waited for, also what is not known', () => {
    const at = '2026-11-22T12:00:00.000Z';
    const revised = { spec: specDocument(), revision: 8 };
    const draining = { replicas: 2, inflight: null, oldest: null, deadline: at, message: 'Not known.', at };
    expect(project(revised, status({ observedRevision: 4, draining }), https).draining).toEqual(draining);
    expect(project(revised, status({ observedRevision: 4 }), https)).not.toHaveProperty('draining');
  });

  it('shows why a change was given up', () => {
    const rejected = status({ state: 'active', observedRevision: 8, live: liveAt(4), rejection });
    expect(project({ spec: specDocument(), revision: 8 }, rejected, https).last_rejection).toEqual(rejection);
  });
});
