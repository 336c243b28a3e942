import { beforeEach, describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { stampMetadata } from '#shared/contract/stream-stamp.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import type { Provisioner } from '../service.ts';
import { newDeployment, readiness, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { namespaceName, resourceName, labels } from '../manifests/names.ts';

const often = { FAIRWAY_RESYNC_MS: '400', FAIRWAY_CLUSTER_LOOK_MS: '300' };
const desired = streams.desired.name;

describe('an endpoint goes on serving', () => {
  let lab: ProvisionerLab;
  let spec: SpecDocument;
  let revision: number;
  let before: unknown;

  const started = endAfterEach();
  beforeEach(async () => {
    lab = await started.use(startProvisionerLab());
    spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await using _provisioner = await lab.start(often);
    revision = await lab.create(spec);
    before = await everything();
  });

  /** All that the endpoint serves with: what routers read, its objects and its pods. */
  const everything = async () => {
    const { items } = await lab.kube.list(kinds.pod, { namespace: namespaceName(spec.endpointId) });
    const pods = items.map(({ metadata }) => metadata.uid);
    return { pools: await lab.pools(spec.endpointId), objects: await lab.leftovers(spec.endpointId), pods };
  };
  const says = async (reason: string): Promise<void> => {
    const stalled = expect.objectContaining({ type: 'Stalled', status: 'True', reason });
    await eventually(async () =>
      expect(await lab.status(spec.endpointId)).toMatchObject({
        state: 'active',
        live: { revision },
        reason,
        conditions: expect.arrayContaining([stalled]),
      }),
    );
    expect(await everything()).toEqual(before);
  };
  const missing = (provisioner: Provisioner, text: string): Promise<void> =>
    eventually(async () => expect((await readiness(provisioner)).missing.join()).toContain(text));
  /** The stream with other contents: deleted, made again with `id`, and brought to `lastSeq`. */
  const remake = async (stamp: { id: string; adoptedAt: number }, lastSeq = 0): Promise<void> => {
    const { config } = await lab.nats.jsm.streams.info(desired);
    await lab.nats.jsm.streams.delete(desired);
    const metadata = stampMetadata({ region: 'atl1', ...stamp });
    await lab.nats.jsm.streams.add({ ...config, metadata, first_seq: lastSeq + 1 });
  };
  const adopt = async (id: string): Promise<void> => {
    const { config } = await lab.nats.jsm.streams.info(desired);
    const metadata = stampMetadata({ region: 'atl1', id, adoptedAt: Date.now() });
    await lab.nats.jsm.streams.update(desired, { ...config, metadata });
  };

  it('when the stream is empty: in quarantine until its spec is back', async () => {
    await lab.nats.jsm.streams.purge(desired);
    await using provisioner = await lab.start(often);
    await says('Quarantined');
    await eventually(async () => {
      const { missing: none, warnings } = await readiness(provisioner);
      expect([none, warnings]).toEqual([[], [expect.stringContaining(spec.endpointId)]]);
    });
    const row = await readLast(lab.nats, streams.infra.name, subjects.quarantine(lab.vpcId, spec.endpointId));
    expect(row?.body).toMatchObject({ spec: { name: spec.name, team: spec.team }, intentSeq: revision });
    const found = await readLast(lab.nats, streams.infra.name, subjects.cluster(lab.vpcId));
    expect(found?.body).toMatchObject({ state: 'ready', greatestIntentSeq: revision });
    const event = await readLast(lab.nats, streams.events.name, subjects.event(spec.endpointId));
    expect(event?.body).toMatchObject({ type: 'endpoint.quarantined', team: spec.team });
    const metrics = await (await fetch(`${provisioner.url}/metrics`)).text();
    expect(metrics).toMatch(/quarantined_endpoints\{[^}]*vpc=[^}]*\} 1/);
    await lab.isActive(spec.endpointId, await lab.publish(spec));
    await eventually(async () => expect((await readiness(provisioner)).warnings).toEqual([]));
  });

  it('when the stream is emptied under a running provisioner, long before it compares everything', async () => {
    await using provisioner = await lab.start({ ...often, FAIRWAY_RESYNC_MS: '600000' });
    await eventually(async () => expect((await readiness(provisioner)).missing).toEqual([]));
    await lab.nats.jsm.streams.purge(desired);
    await says('Quarantined');
  });

  it('when the stream is empty: swept when an operator says so', async () => {
    await lab.nats.jsm.streams.purge(desired);
    await using _provisioner = await lab.start(often);
    await says('Quarantined');
    const word = { v: 1, word: 'sweep', by: 'ann', at: new Date().toISOString() };
    await writeDocuments(lab.nats, [{ subject: subjects.word(lab.vpcId, spec.endpointId), body: word }], '');
    await lab.isGone(spec.endpointId);
    for (const subject of [subjects.word, subjects.quarantine].map((of) => of(lab.vpcId, spec.endpointId)))
      await eventually(async () =>
        expect(await readLast(lab.nats, streams.infra.name, subject)).toMatchObject({ deleted: true }),
      );
  });

  it('when the stream was made anew under it: nothing is touched, adopted it is in quarantine, and heals', async () => {
    await using provisioner = await lab.start(often);
    await lab.isActive(spec.endpointId, revision);
    await remake({ id: 'another', adoptedAt: 0 }, 1000);
    await says('StreamReplaced');
    await missing(provisioner, 'made anew');
    const found = await readLast(lab.nats, streams.infra.name, subjects.cluster(lab.vpcId));
    expect(found?.body).toMatchObject({ state: 'refused', greatestIntentSeq: revision });
    await adopt('another');
    await says('Quarantined');
    await eventually(async () => expect((await readiness(provisioner)).missing).toEqual([]));
    await lab.isActive(spec.endpointId, await lab.publish(spec));
  });

  it('when the stream was restored from an older copy: told, adopted it waits for a newer number, and heals', async () => {
    await remake({ id: 'first', adoptedAt: Date.now() }, 100);
    {
      await using _provisioner = await lab.start(often);
      revision = await lab.publish(scaled(spec, 2));
      await lab.isActive(spec.endpointId, revision);
      await eventually(async () => {
        const stamped = await lab.kube.get(kinds.namespace, { name: 'fairway-system' });
        expect(stamped.metadata.annotations).toMatchObject({ 'fairway.dev/stream-sequence': String(revision) });
      });
      before = await everything();
    }
    await remake({ id: 'first', adoptedAt: 0 });
    await lab.publish(spec);
    await using provisioner = await lab.start(often);
    await says('StreamRestored');
    await missing(provisioner, 'restored from a copy');
    await adopt('first');
    await says('Fenced');
    await eventually(async () => expect((await readiness(provisioner)).missing).toEqual([]));
    await remake({ id: 'first', adoptedAt: Date.now() }, revision);
    await lab.isActive(spec.endpointId, await lab.publish(spec));
  });

  it.each([
    ['another region', 'nyc2', 'ForeignCluster'],
    ['another stream of the region', 'atl1', 'StreamReplaced'],
  ])('when %s comes with the same kubeconfig, which is told so', async (_who, region, reason) => {
    const cluster = { kubeconfigPath: lab.cluster.kubeconfigPath, [Symbol.asyncDispose]: () => Promise.resolve() };
    await using other = await startProvisionerLab({ cluster: () => Promise.resolve(cluster), region });
    const foreign = other.newSpec();
    await using stranger = await other.start(often);
    await other.publish(foreign);
    const told = { state: 'new', reason, conditions: [{ type: 'Stalled', status: 'True' }] };
    await eventually(async () => expect(await other.status(foreign.endpointId)).toMatchObject(told));
    await missing(stranger, 'cluster');
    expect(await other.leftovers(foreign.endpointId)).toEqual([]);
    expect(await everything()).toEqual(before);
    await using _own = await lab.start(often);
    await lab.isActive(spec.endpointId, await lab.publish(scaled(spec, 2)));
  });

  it('and nobody else’s objects are touched, whatever their labels say', async () => {
    const marked = { [labels.endpoint]: spec.endpointId };
    const payroll = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'payroll', labels: marked } };
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'clerk', namespace: 'payroll', labels: marked },
    };
    await lab.kube.create(payroll);
    await lab.kube.create(account);
    await using _provisioner = await lab.start(often);
    const { endpointId, team, createdAt: deletedAt } = spec;
    await lab.publishRaw(endpointId, { v: 1, kind: 'tombstone', endpointId, team, deletedAt }, revision);
    const own = { name: resourceName(endpointId) };
    await eventually(() => expect(lab.kube.get(kinds.dedicatedInference, own)).rejects.toMatchObject({ status: 404 }));
    await eventually(async () =>
      expect(await lab.leftovers(endpointId)).toEqual(['Namespace/payroll', 'ServiceAccount/clerk']),
    );
    expect((await lab.kube.get(kinds.namespace, { name: 'payroll' })).metadata.deletionTimestamp).toBeUndefined();
  });
});
