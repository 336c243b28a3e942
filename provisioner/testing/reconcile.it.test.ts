import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSealKeys, seal } from '#shared/runtime/seal.ts';
import { clientSealInfo, type SpecDocument } from '#shared/contract/desired.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName, resourceName } from '../manifests/names.ts';
import { deleted, newDeployment, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';

describe('an endpoint', () => {
  let lab: ProvisionerLab;
  let sealKeys: Awaited<ReturnType<typeof createSealKeys>>;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(startProvisionerLab());
    sealKeys = await createSealKeys();
    await started.use(
      lab.start({
        FAIRWAY_SEAL_PRIVATE_KEY: sealKeys.privateKey,
        FAIRWAY_RESYNC_MS: '500',
      }),
    );
  });
  beforeEach(() => {
    lab.inFlight.clear();
    lab.answer.proof = () => ({ ok: true });
  });

  const create = (spec: SpecDocument): Promise<number> => lab.create(spec);
  const isActive = (spec: SpecDocument, revision: number): Promise<void> => lab.isActive(spec.endpointId, revision);
  const isGone = ({ endpointId }: SpecDocument): Promise<void> => lab.isGone(endpointId);
  const podsOf = async ({ endpointId }: SpecDocument) =>
    (await lab.kube.list(kinds.pod, { namespace: namespaceName(endpointId) })).items;

  it('is created, proven and deleted without a trace', async () => {
    const spec = lab.newSpec();
    const { endpointId } = spec;
    const revision = await create(spec);
    const status = await lab.status(endpointId);
    expect(status).toMatchObject({ live: { revision }, replicas: { desired: 2, ready: 2 }, phase: 'done' });
    expect(status?.history.map(({ phase }) => phase)).toContain('capacity');
    const resource = await lab.kube.get(kinds.dedicatedInference, { name: resourceName(endpointId) });
    expect(resource['spec']).toMatchObject({ endpointId, intentSeq: revision });
    const { generation: observedGeneration } = resource.metadata;
    const conditions = expect.arrayContaining([expect.objectContaining({ type: 'Ready', observedGeneration })]);
    expect(resource['status']).toMatchObject({ observedGeneration, observedRevision: revision, conditions });
    const hosts = new Set(
      lab.asked.filter((proof) => proof.replicaId === null).map(({ host }) => host.split('-')[1] ?? ''),
    );
    expect([...hosts].toSorted()).toEqual(['private', 'public']);
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('rests: no write once it is active', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await create(spec);
    const before = await lab.nats.jsm.streams.info('STATUS');
    // Several rounds of resync pass.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const after = await lab.nats.jsm.streams.info('STATUS');
    expect(after.state.last_seq).toBe(before.state.last_seq);
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('keeps a draining replica until its last request has ended, and takes no other', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await create(spec);
    await isActive(spec, await lab.publish(scaled(spec, 3)));
    const [pool] = await lab.pools(spec.endpointId);
    for (const { replicaId } of pool?.replicas ?? []) lab.inFlight.set(replicaId, 1);
    await lab.publish(scaled(scaled(spec, 3), 1));
    const draining = await eventually(async () => {
      const [now] = await lab.pools(spec.endpointId);
      const going = (now?.replicas ?? []).filter(({ state }) => state === 'draining');
      expect(going).toHaveLength(2);
      return going;
    });
    const [first, second] = draining;
    lab.inFlight.delete(first?.replicaId ?? '');
    await eventually(async () => expect(await podsOf(spec)).toHaveLength(2));
    const left = (await podsOf(spec)).map(({ metadata }) => metadata.uid);
    expect(left).toContain(second?.replicaId);
    expect(left).not.toContain(first?.replicaId);
    lab.inFlight.clear();
    await eventually(async () => expect(await podsOf(spec)).toHaveLength(1));
    expect((await podsOf(spec)).map(({ metadata }) => metadata.uid)).not.toContain(second?.replicaId);
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('takes a drain back when it grows again', async () => {
    const spec = lab.newSpec();
    await create(spec);
    const [before] = await lab.pools(spec.endpointId);
    for (const { replicaId } of before?.replicas ?? []) lab.inFlight.set(replicaId, 1);
    await lab.publish(scaled(spec, 1));
    await eventually(async () => {
      const [pool] = await lab.pools(spec.endpointId);
      expect(pool?.replicas.map(({ state }) => state).toSorted()).toEqual(['draining', 'ready']);
    });
    const revision = await lab.publish({ ...spec, version: 3 });
    await isActive(spec, revision);
    const [after] = await lab.pools(spec.endpointId);
    expect(after?.replicas.map(({ replicaId, state }) => ({ replicaId, state }))).toEqual(
      before?.replicas.map(({ replicaId }) => ({ replicaId, state: 'ready' })),
    );
    lab.inFlight.clear();
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('rejects at once what can never succeed', async () => {
    const other = await createSealKeys();
    const spec = lab.newSpec();
    const sealedHuggingFaceToken = await seal('hf_secret', spec.endpointId, other.publicKey);
    const revision = await lab.publish({ ...spec, sealedHuggingFaceToken });
    await eventually(async () =>
      expect(await lab.status(spec.endpointId)).toMatchObject({
        state: 'error',
        rejection: { revision, reason: 'SecretUnreadable' },
      }),
    );
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('does not open what another team has sealed', async () => {
    const spec = lab.newSpec();
    const sealed = await seal('hf_secret', clientSealInfo({ ...spec, team: 'another' }), sealKeys.publicKey);
    const revision = await lab.publish({ ...spec, sealedHuggingFaceToken: { ...sealed, by: 'client' } });
    await eventually(async () =>
      expect((await lab.status(spec.endpointId))?.rejection).toMatchObject({ revision, reason: 'SecretUnreadable' }),
    );
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it.each(['api', 'client'] as const)('gets the secrets that were sealed for it (%s)', async (by) => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const info = by === 'client' ? clientSealInfo(spec) : spec.endpointId;
    const sealed = await seal('hf_secret', info, sealKeys.publicKey);
    const sealedHuggingFaceToken = { ...sealed, ...(by === 'client' && { by }) };
    await create({ ...spec, sealedHuggingFaceToken });
    const { items } = await lab.kube.list(kinds.secret, { namespace: namespaceName(spec.endpointId) });
    const [pool] = await lab.pools(spec.endpointId);
    expect(items.map((item) => item['data'])).toEqual([
      { 'hugging-face-token': btoa('hf_secret'), 'api-key': btoa(pool?.upstreamKey ?? '') },
    ]);
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('is made anew when somebody deletes its custom resource, and mended when somebody edits its objects', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await create(spec);
    const namespace = namespaceName(spec.endpointId);
    const [account] = (await lab.kube.list(kinds.serviceAccount, { namespace, labelSelector: 'fairway.dev/endpoint' }))
      .items;
    const name = account?.metadata.name ?? '';
    await lab.kube.delete(kinds.serviceAccount, { namespace, name }, { preconditions: {} });
    await eventually(() => lab.kube.get(kinds.serviceAccount, { namespace, name }));
    const resource = await lab.kube.get(kinds.dedicatedInference, { name: resourceName(spec.endpointId) });
    await lab.kube.delete(kinds.dedicatedInference, { name: resource.metadata.name }, { preconditions: {} });
    await eventually(async () => {
      const anew = await lab.kube.get(kinds.dedicatedInference, { name: resource.metadata.name });
      expect(anew.metadata.uid).not.toBe(resource.metadata.uid);
    });
    await eventually(async () =>
      expect(await lab.status(spec.endpointId)).toMatchObject({ state: 'active', replicas: { ready: 1 } }),
    );
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('is swept when no spec asks for it', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const revision = await create(spec);
    const tombstone = {
      v: 1,
      kind: 'tombstone',
      endpointId: spec.endpointId,
      team: spec.team,
      deletedAt: spec.createdAt,
    };
    await lab.publishRaw(spec.endpointId, tombstone, revision);
    await eventually(async () => expect(await lab.leftovers(spec.endpointId)).toEqual([]));
    await eventually(async () => expect(await lab.pools(spec.endpointId)).toEqual([]));
  });

  it('is left alone when its spec is of an unknown version', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const revision = await create(spec);
    const parked = await lab.publishRaw(spec.endpointId, { ...spec, v: 2 }, revision);
    // That nothing happens to it can only be seen by waiting: two rounds of resync.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await podsOf(spec)).toHaveLength(1);
    await lab.publishRaw(spec.endpointId, deleted(spec), parked);
    await isGone(spec);
  });
});
