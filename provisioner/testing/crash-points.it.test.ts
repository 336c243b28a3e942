import { expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { deleted, newDeployment, startProvisionerLab } from './provisioner-lab.ts';
import type { KubeWrites } from '../kube/kube-client.ts';

/** Dies for an endpoint right before or right after its n-th write: nothing of that write's answer is seen. */
interface CrashPoint {
  write: number;
  moment: 'before' | 'after';
}

/** Stands between a provisioner and the API server, and makes it die at a point of each endpoint's life. */
function crashing(points: ReadonlyMap<string, CrashPoint>): {
  wrap: (kube: KubeWrites) => KubeWrites;
  dead: Set<string>;
} {
  const writes = new Map<string, number>();
  const dead = new Set<string>();
  const die = (endpointId: string): never => {
    dead.add(endpointId);
    throw new Error('the process died here');
  };
  const guard = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    const endpointId = name.replace(/^(di|fairway)-/, '');
    const point = points.get(endpointId);
    if (dead.has(endpointId)) die(endpointId);
    const count = (writes.get(endpointId) ?? 0) + 1;
    writes.set(endpointId, count);
    if (point?.write === count && point.moment === 'before') die(endpointId);
    const result = await call();
    return point?.write === count ? die(endpointId) : result;
  };
  const wrap = (kube: KubeWrites): KubeWrites => ({
    get: (...given) => kube.get(...given),
    applyStatus: (...given) => kube.applyStatus(...given),
    apply: (object, options) =>
      guard(object.metadata.namespace ?? object.metadata.name, () => kube.apply(object, options)),
    patch: (kind, target, change) => guard(target.namespace ?? target.name, () => kube.patch(kind, target, change)),
    delete: (kind, target, options) => guard(target.namespace ?? target.name, () => kube.delete(kind, target, options)),
  });
  return { wrap, dead };
}

const pointsUpTo = (writes: number): CrashPoint[] =>
  Array.from({ length: writes }, (_, index) => index + 1).flatMap((write) => [
    { write, moment: 'before' as const },
    { write, moment: 'after' as const },
  ]);

/** Writes of a create: custom resource, namespace, account, 3 policies, quota, limits, secret, service, Deployment. */
const createWrites = 11;
/** Writes of a delete: custom resource, namespace, finalizer. */
const deleteWrites = 3;

it('comes to the same end wherever it dies while it creates and deletes', async () => {
  await using lab = await startProvisionerLab({ nodes: 4 });
  const endpoints = pointsUpTo(createWrites).map((point) => ({
    point,
    spec: lab.newSpec({ deployments: [newDeployment(1)] }),
  }));
  const onCreate = crashing(new Map(endpoints.map(({ point, spec }) => [spec.endpointId, point])));
  const revisions = new Map<string, number>();
  {
    await using _first = await lab.start({}, { wrapKube: onCreate.wrap });
    for (const { spec } of endpoints) revisions.set(spec.endpointId, await lab.publish(spec));
    await expect.poll(() => onCreate.dead.size, { timeout: 30_000 }).toBe(endpoints.length);
  }
  const onDelete = crashing(
    new Map(
      pointsUpTo(deleteWrites).map((point, index): [string, CrashPoint] => [
        endpoints[index]?.spec.endpointId ?? '',
        point,
      ]),
    ),
  );
  {
    await using _second = await lab.start();
    const shapes = new Set<string>();
    for (const { spec } of endpoints) {
      await lab.isActive(spec.endpointId, revisions.get(spec.endpointId) ?? 0);
      expect((await lab.status(spec.endpointId))?.pastChanges).toHaveLength(1);
      shapes.add(shapeOf(await lab.leftovers(spec.endpointId), spec));
    }
    expect([...shapes]).toHaveLength(1);
  }
  const doomed = endpoints.filter((_, index) => index < deleteWrites * 2);
  {
    await using _third = await lab.start({}, { wrapKube: onDelete.wrap });
    for (const { spec } of doomed) await lab.publish(deleted(spec));
    await expect.poll(() => onDelete.dead.size, { timeout: 30_000 }).toBe(doomed.length);
  }
  await using _last = await lab.start();
  for (const { spec } of endpoints.slice(doomed.length)) await lab.publish(deleted(spec));
  for (const { spec } of endpoints) await lab.isGone(spec.endpointId);
}, 120_000);

/** The objects of an endpoint without what differs from one to the next: its id, its pool's hash, its pods' names. */
function shapeOf(objects: string[], { endpointId }: SpecDocument): string {
  return objects
    .map((name) => name.replaceAll(endpointId, '<id>').replaceAll(/pool-[0-9a-f]{10}/g, '<pool>'))
    .map((name) => name.replaceAll(/(?<=<pool>-)[0-9a-f]{10}.*/g, '<hash>'))
    .toSorted()
    .join('\n');
}
