import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { deleted, newDeployment, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import type { KubeWrites } from '../kube/kube-client.ts';
import { namespaceName, resourceName, intentSeqOf } from '../manifests/names.ts';

/** Holds back the first apply of a kind, as if the process were paused right before it; then shows how it ended. */
function pausing(kind: string): {
  wrap: (kube: KubeWrites) => KubeWrites;
  paused: Promise<void>;
  wakeUp: () => void;
  outcome: Promise<KubeObject | Error>;
} {
  const paused = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<KubeObject | Error>();
  let first = true;
  const wrap = (kube: KubeWrites): KubeWrites => ({
    get: (...given) => kube.get(...given),
    applyStatus: (...given) => kube.applyStatus(...given),
    patch: (...given) => kube.patch(...given),
    delete: (...given) => kube.delete(...given),
    async apply(object, options) {
      if (!first || object.kind !== kind) return kube.apply(object, options);
      first = false;
      paused.resolve();
      await woken.promise;
      const result = kube.apply(object, options);
      result.then(outcome.resolve, outcome.resolve);
      return result;
    },
  });
  return { wrap, paused: paused.promise, wakeUp: woken.resolve, outcome: outcome.promise };
}

/** Nobody's lease counts here: both believe that every endpoint is theirs, as a paused process does. */
const owns = (): boolean => true;

describe('a provisioner that wakes up too late', () => {
  let lab: ProvisionerLab;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(startProvisionerLab());
  });

  it.each(['ResourceQuota', 'Deployment'])('cannot take the %s of a newer spec back', async (kind) => {
    const zombie = pausing(kind);
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const { endpointId } = spec;
    await using _zombie = await lab.start({}, { owns, wrapKube: zombie.wrap });
    await lab.publish(spec);
    await zombie.paused;
    await using _other = await lab.start({}, { owns });
    const revision = await lab.publish(scaled(spec, 2));
    await lab.isActive(endpointId, revision);
    zombie.wakeUp();
    expect(await zombie.outcome).toMatchObject({ status: 422, message: expect.stringContaining('may not go back') });
    const { items } = await lab.kube.list(kinds.deployment, { namespace: namespaceName(endpointId) });
    expect(items.map((item) => [intentSeqOf(item), item['spec']])).toMatchObject([[revision, { replicas: 2 }]]);
    await lab.publish(deleted(scaled(spec, 2)));
    await lab.isGone(endpointId);
  });

  it('changes nothing of an object that the newer spec left as it was', async () => {
    const zombie = pausing('Service');
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const namespace = namespaceName(spec.endpointId);
    await using _zombie = await lab.start({}, { owns, wrapKube: zombie.wrap });
    const first = await lab.publish(spec);
    await zombie.paused;
    await using _other = await lab.start({}, { owns });
    await lab.isActive(spec.endpointId, first);
    await lab.isActive(spec.endpointId, await lab.publish(scaled(spec, 2)));
    const services = async (): Promise<unknown[]> =>
      (await lab.kube.list(kinds.service, { namespace })).items.map((item) => [item['spec'], intentSeqOf(item)]);
    const before = await services();
    zombie.wakeUp();
    await zombie.outcome;
    expect(await services()).toEqual(before);
    await lab.publish(deleted(scaled(spec, 2)));
    await lab.isGone(spec.endpointId);
  });

  it.each(['DedicatedInference', 'Namespace', 'Deployment'])(
    'leaves nothing of a deleted endpoint when it was about to write its %s',
    async (kind) => {
      const zombie = pausing(kind);
      const spec = lab.newSpec({ deployments: [newDeployment(1)] });
      const { endpointId } = spec;
      await using _zombie = await lab.start({}, { owns, wrapKube: zombie.wrap });
      const revision = await lab.publish(spec);
      await zombie.paused;
      await using _other = await lab.start({ FAIRWAY_RESYNC_MS: '300' }, { owns });
      await lab.isActive(endpointId, revision);
      await lab.publish(deleted(spec));
      await lab.isGone(endpointId);
      zombie.wakeUp();
      await zombie.outcome;
      await eventually(async () => expect(await lab.leftovers(endpointId)).toEqual([]));
      expect(await lab.status(endpointId)).toMatchObject({ state: 'gone' });
    },
  );

  it('is told by the fence on the custom resource', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await using _one = await lab.start();
    await lab.create(spec);
    const live = await lab.kube.get(kinds.dedicatedInference, { name: resourceName(spec.endpointId) });
    const older = { ...(live['spec'] as object), intentSeq: 0 };
    const { apiVersion, kind, metadata } = live;
    const write = lab.kube.apply({ apiVersion, kind, metadata: { name: metadata.name }, spec: older });
    await expect(write).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('intentSeq may not go back'),
    });
    await lab.publish(deleted(spec));
    await lab.isGone(spec.endpointId);
  });
});

describe('two provisioners', () => {
  it('share the endpoints, and one takes over when the other ends', async () => {
    await using lab = await startProvisionerLab({ nodes: 4 });
    const specs: SpecDocument[] = [];
    const writers = new Set<string>();
    await using _a = await lab.start({ FAIRWAY_INSTANCE_ID: 'a' });
    {
      await using _b = await lab.start({ FAIRWAY_INSTANCE_ID: 'b' });
      // Ids are random, and so is whose shard they fall into: a few rounds until both have had one.
      for (let round = 0; round < 4 && writers.size < 2; round += 1) {
        const more = Array.from({ length: 6 }, () => lab.newSpec({ deployments: [newDeployment(1)] }));
        specs.push(...more);
        for (const spec of more) await lab.publish(spec);
        for (const { endpointId } of more) {
          await eventually(async () => expect(await lab.status(endpointId)).toMatchObject({ state: 'active' }), {
            timeoutMs: 30_000,
          });
          writers.add((await lab.status(endpointId))?.writer ?? '');
        }
      }
      expect([...writers].toSorted()).toEqual(['a', 'b']);
    }
    for (const spec of specs) await lab.publish(deleted(spec));
    for (const { endpointId } of specs) await lab.isGone(endpointId);
  });
});
