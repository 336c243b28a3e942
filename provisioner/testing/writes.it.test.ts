import { describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { phases } from '#shared/contract/status.ts';
import { streams } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { KubeWrites } from '../kube/kube-client.ts';
import { kinds, type KubeKind } from '../kube/kinds.ts';
import { controllerName } from '../manifests/gateway.ts';
import { resourceName } from '../manifests/names.ts';
import type { Provisioner } from '../service.ts';
import { findGatewayApi, installGatewayApi } from './gateway-kinds.ts';
import { deleted, newDeployment, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, definitions, unless } = await findGatewayApi();

/** Writes down each write to the cluster of an endpoint. */
function counting(): { wrap: (kube: KubeWrites) => KubeWrites; written: string[] } {
  const written: string[] = [];
  const wrap = (kube: KubeWrites): KubeWrites => ({
    get: (...given) => kube.get(...given),
    applyStatus: (object, options) => (written.push(`status of ${object.kind}`), kube.applyStatus(object, options)),
    apply: (object, options) => (written.push(`apply ${object.kind}`), kube.apply(object, options)),
    patch: (kind, target, change) => (
      written.push(`patch ${kind.kind} ${target.subresource ?? ''}`),
      kube.patch(kind, target, change)
    ),
    delete: (kind, target, options) => (written.push(`delete ${kind.kind}`), kube.delete(kind, target, options)),
  });
  return { wrap, written };
}

/** Resolves after ten more looks at an endpoint: each asks the leader of STATUS for its document. */
async function tenLooks({ nats }: ProvisionerLab, endpointId: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let looks = 0;
  const subscription = nats.nc.subscribe(`$JS.API.STREAM.MSG.GET.${streams.status.name}`, {
    callback: (_error, message) => {
      if (message.string().includes(endpointId) && (looks += 1) === 10) resolve();
    },
  });
  try {
    await promise;
  } finally {
    subscription.unsubscribe();
  }
}

/** Lines of its metrics that count what a provisioner has written to the API server, for endpoints or for all of them. */
async function writesOf({ url }: Provisioner): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n').filter((line) => /^fairway_kube_call_seconds_count.*"(POST|PATCH|DELETE)"/.test(line));
}

async function countWrites(lab: ProvisionerLab, cluster: string, shown: readonly KubeKind[]): Promise<void> {
  const { wrap, written } = counting();
  const often = { FAIRWAY_RESYNC_MS: '200', FAIRWAY_CLUSTER_LOOK_MS: '200' };
  await using provisioner = await lab.start(often, { wrapKube: wrap });
  /** Waits until the custom resource shows it, which is written last; gives all writes so far. */
  const until = async ({ endpointId }: SpecDocument, revision: number): Promise<string[]> => {
    await lab.isActive(endpointId, revision);
    await eventually(async () => {
      const resource = await lab.kube.get(kinds.dedicatedInference, { name: resourceName(endpointId) });
      expect(resource['status']).toMatchObject({ phase: 'done', observedRevision: revision });
    });
    return written.splice(0);
  };
  // Kinds that have just been installed are served a moment later: another endpoint has its objects of them first.
  const before = lab.newSpec({ name: 'before', deployments: [newDeployment(1)] });
  await until(before, await lab.publish(before));
  for (const kind of shown)
    await eventually(async () => {
      const { items } = await lab.kube.list(kind);
      expect(JSON.stringify(items.map((object) => object['status']))).toContain(controllerName);
    });
  written.splice(0);
  const spec = lab.newSpec({ deployments: [newDeployment(2)] });
  const create = await until(spec, await lab.publish(spec));
  // The Gateway's status may still have to follow; of the endpoint's objects nothing is written from here on.
  await eventually(async () => {
    const before = await writesOf(provisioner);
    await tenLooks(lab, spec.endpointId);
    expect(before.length).toBeGreaterThan(0);
    expect(await writesOf(provisioner)).toEqual(before);
  });
  const settled = written.splice(0);
  const scale = await until(spec, await lab.publish(scaled(spec, 3)));
  const objects = scale.filter((write) => write.startsWith('apply'));
  const told = `create ${create.length}, at rest ${settled.length}, scale ${objects.length}`;
  console.log(`writes on ${cluster}: ${told} and ${scale.length - objects.length} of status`);
  expect(create.length, create.join(', ')).toBeLessThanOrEqual(22);
  expect(settled).toEqual([]);
  expect(objects.toSorted()).toEqual(['apply DedicatedInference', 'apply Deployment', 'apply ResourceQuota']);
  // One for each phase that the change passes.
  expect(scale.length - objects.length).toBeLessThanOrEqual(phases.length);
  await lab.publish(deleted(scaled(spec, 3)));
  await lab.isGone(spec.endpointId);
  const gone = written.splice(0).map((write) => write.trim());
  console.log(`delete: ${gone.join(', ')}`);
  expect(gone.filter((write) => !write.startsWith('status of'))).toEqual([
    'delete DedicatedInference',
    'delete Deployment',
    'delete Namespace',
    'patch DedicatedInference',
  ]);
}

it('writes an object once, its status once per phase, for a greater scale three and for a delete four, on the embedded cluster', async () => {
  await using lab = await startProvisionerLab();
  await countWrites(lab, 'the embedded cluster', []);
}, 60_000);

describe('on a real API server', unless, () => {
  it('writes an object once, its status once per phase, for a greater scale three and for a delete four', async () => {
    await using lab = await startProvisionerLab({ cluster: (kubelet) => startRealCluster(binaries, kubelet) });
    await installGatewayApi({ binaries, kubeconfigPath: lab.cluster.kubeconfigPath }, definitions);
    await countWrites(lab, 'a real API server', [kinds.httpRoute, kinds.inferencePool]);
  }, 120_000);
});
