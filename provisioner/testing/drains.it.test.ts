import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventDocumentSchema, type EventDocument } from '#shared/contract/status.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import { deleted, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';

describe('what is told of drains', () => {
  let lab: ProvisionerLab;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(startProvisionerLab());
  });
  const begin = (drainTimeoutMs: number) =>
    lab.start({ FAIRWAY_DRAIN_TIMEOUT_MS: String(drainTimeoutMs), FAIRWAY_ROUTER_SILENT_MS: '1000' });
  beforeEach(() => {
    lab.inFlight.clear();
    lab.router.silent = false;
  });

  const create = async () => {
    const spec = lab.newSpec();
    await lab.create(spec);
    const [pool] = await lab.pools(spec.endpointId);
    const ids = pool?.replicas.map(({ replicaId }) => replicaId) ?? [];
    const drainingOf = async () => (await lab.status(spec.endpointId))?.draining;
    const told: EventDocument[] = [];
    lab.nats.nc.subscribe(subjects.event(spec.endpointId), {
      callback: (_, message) => void told.push(eventDocumentSchema.parse(message.json())),
    });
    const drains = () => told.filter(({ type }) => type.startsWith('drain.'));
    const statusWrites = async () => (await lab.nats.jsm.streams.info(streams.status.name)).state.last_seq;
    return { spec, ids, drainingOf, drains, statusWrites };
  };

  it('the status says what is in flight, or that it is not known, and is not rewritten with each report', async () => {
    const drainTimeoutMs = 600_000;
    await using _provisioner = await begin(drainTimeoutMs);
    const { spec, ids, drainingOf, drains, statusWrites } = await create();
    const now = Date.now();
    for (const id of ids) lab.inFlight.set(id, 7);
    await lab.publish(scaled(spec, 1));
    await eventually(async () => {
      expect(await drainingOf()).toMatchObject({ replicas: 1, inflight: 7, message: '7 requests are in flight.' });
    });
    // Routers of an earlier version tell no ages.
    const first = await drainingOf();
    expect(first?.oldest).toBeNull();
    expect(Date.parse(first?.deadline ?? '') - now).toBeGreaterThanOrEqual(drainTimeoutMs);

    const before = await statusWrites();
    const since = Date.now();
    let reports = 0;
    lab.nats.nc.subscribe(subjects.everyDrain, { callback: () => void (reports += 1) });
    for (const count of [6, 5, 4, 3, 2]) {
      for (const id of ids) lab.inFlight.set(id, count);
      const heard = reports;
      await eventually(() => expect(reports).toBeGreaterThan(heard + 1));
    }
    expect((await statusWrites()) - before).toBeLessThanOrEqual(Math.ceil((Date.now() - since) / 5000));

    lab.router.silent = true;
    await eventually(async () => {
      expect(await drainingOf()).toMatchObject({ inflight: null, message: expect.stringContaining('is silent') });
    });
    lab.router.silent = false;
    lab.inFlight.clear();
    await eventually(async () => expect(await drainingOf()).toBeUndefined());
    await eventually(() => expect(drains().map(({ type }) => type)).toEqual(['drain.began', 'drain.ended']));
    await lab.publish({ ...deleted(spec), version: 3 });
    await lab.isGone(spec.endpointId);
  });

  it('the timeline says how many requests a deadline met', async () => {
    await using _provisioner = await begin(2000);
    const { spec, ids, drains } = await create();
    for (const id of ids) lab.inFlight.set(id, 3);
    await lab.publish(scaled(spec, 1));
    await eventually(() => {
      const types = drains().map(({ type }) => type);
      // The make-believe router goes on counting what the engine has cut.
      expect(types).toEqual(['drain.began', 'drain.overdue', 'drain.cut']);
    });
    const [, overdue, cut] = drains();
    expect([overdue?.message, cut?.message].join()).toMatch(/is over with 3 requests.*went with 3 requests/);
    lab.inFlight.clear();
    await lab.publish({ ...deleted(spec), version: 3 });
    await lab.isGone(spec.endpointId);
  });

  it('a pod that somebody deletes drains, and its end is told', async () => {
    await using _provisioner = await begin(600_000);
    const { spec, ids, drainingOf, drains } = await create();
    const namespace = namespaceName(spec.endpointId);
    const [pod] = (await lab.kube.list(kinds.pod, { namespace })).items;
    for (const id of ids) lab.inFlight.set(id, 2);
    const { name = '', uid = '' } = pod?.metadata ?? {};
    await lab.kube.delete(kinds.pod, { name, namespace }, { preconditions: { uid } });
    await eventually(() => expect(drains().map(({ type }) => type)).toContain('drain.began'));
    lab.inFlight.clear();
    await eventually(async () => expect(await drainingOf()).toBeUndefined());
    await lab.publish(deleted(spec));
    await lab.isGone(spec.endpointId);
  });
});
