import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findGatewayDefinitions } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { skipUnless } from '#shared/testing/skips.ts';
import type { KubeWrites } from '../kube/kube-client.ts';
import { installGatewayApi } from './gateway-kinds.ts';
import { newDeployment, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const everything = process.env['FAIRWAY_REQUIRE'] === 'all';
const binary = await findKubelab({ build: everything }).catch(() => undefined);
const download = everything || process.env['FAIRWAY_KUBELAB'] === 'build';
const definitions = binary === undefined ? undefined : await findGatewayDefinitions({ download });
const requirement = { what: 'a real kube-apiserver with the Gateway API', how: 'npm test -- --all (Go ≥ 1.26)' };

/** Writes down each write to the cluster of an endpoint. */
function counting(): { wrap: (kube: KubeWrites) => KubeWrites; written: string[] } {
  const written: string[] = [];
  const wrap = (kube: KubeWrites): KubeWrites => ({
    get: (...given) => kube.get(...given),
    applyStatus: (...given) => kube.applyStatus(...given),
    apply: (object, options) => (written.push(`apply ${object.kind}`), kube.apply(object, options)),
    patch: (kind, target, change) => (
      written.push(`patch ${kind.kind} ${target.subresource ?? ''}`),
      kube.patch(kind, target, change)
    ),
    delete: (kind, target, options) => (written.push(`delete ${kind.kind}`), kube.delete(kind, target, options)),
  });
  return { wrap, written };
}

async function countWrites(lab: ProvisionerLab, cluster: string): Promise<void> {
  const { wrap, written } = counting();
  await using _provisioner = await lab.start({ FAIRWAY_RESYNC_MS: '200' }, { wrapKube: wrap });
  const spec = lab.newSpec({ deployments: [newDeployment(2)] });
  await lab.create(spec);
  const create = written.splice(0);
  // Only waiting shows that nothing happens.
  await delay(1500);
  const settled = written.splice(0);
  await lab.isActive(spec.endpointId, await lab.publish(scaled(spec, 3)));
  const scale = written.splice(0);
  console.log(`writes on ${cluster}: create ${create.length}, settled ${settled.length}, scale ${scale.length}`);
  expect(create.length, create.join(', ')).toBeLessThanOrEqual(22);
  expect(settled).toEqual([]);
  expect(scale.toSorted()).toEqual(['apply Deployment', 'apply DedicatedInference', 'apply ResourceQuota'].toSorted());
}

it('writes an object once, and for a greater scale three, on the embedded cluster', async () => {
  await using lab = await startProvisionerLab();
  await countWrites(lab, 'the embedded cluster');
}, 60_000);

describe('on a real API server', skipUnless(definitions, requirement), () => {
  it('writes an object and its status once, and for a greater scale three', async () => {
    await using lab = await startProvisionerLab({ cluster: (kubelet) => startRealCluster(binary ?? '', kubelet) });
    await installGatewayApi({ binary: binary ?? '', kubeconfigPath: lab.cluster.kubeconfigPath }, definitions ?? []);
    await countWrites(lab, 'a real API server');
  }, 120_000);
});
