import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName, resourceName } from '../manifests/names.ts';
import { deleted, newDeployment, readiness, startProvisionerLab } from './provisioner-lab.ts';

it('serves two VPCs of a region, each in its cluster, and opens and closes one while the other goes on', async () => {
  await using lab = await startProvisionerLab();
  const second = await lab.addVpc();
  // Two processes for both VPCs, one for the first alone: nobody waits for somebody who does not serve its VPC.
  const both = `${lab.vpcId}=${lab.cluster.kubeconfigPath},${second.vpcId}=${second.kubeconfigPath}`;
  await using one = await lab.start({ FAIRWAY_CLUSTERS: both });
  await using _two = await lab.start({});
  const specOf = (vpcId: string) => lab.newSpec({ vpcId, deployments: [newDeployment(1)] });
  const specs = Array.from({ length: 6 }, (_, index) => specOf(index % 2 === 0 ? lab.vpcId : second.vpcId));
  const revisions = await Promise.all(specs.map((spec) => lab.publish(spec)));
  for (const [index, { endpointId }] of specs.entries()) await lab.isActive(endpointId, revisions[index] ?? 0);
  for (const { endpointId, vpcId } of specs) {
    const [here, there] = vpcId === lab.vpcId ? [lab.kube, second.kube] : [second.kube, lab.kube];
    await here.get(kinds.dedicatedInference, { name: resourceName(endpointId) });
    await expect(there.get(kinds.namespace, { name: namespaceName(endpointId) })).rejects.toMatchObject({
      status: 404,
    });
  }

  await one.clusters.close(second.vpcId);
  const late = specOf(second.vpcId);
  const meanwhile = specOf(lab.vpcId);
  const lateRevision = await lab.publish(late);
  await lab.isActive(meanwhile.endpointId, await lab.publish(meanwhile));
  expect(await lab.status(late.endpointId)).toBeNull();
  await one.clusters.open(second.vpcId, second.kubeconfigPath);
  await lab.isActive(late.endpointId, lateRevision);

  for (const spec of [...specs, late, meanwhile]) await lab.publish(deleted(spec));
  for (const { endpointId } of [...specs, late, meanwhile]) await lab.isGone(endpointId);
  await eventually(async () => {
    expect((await second.kube.list(kinds.dedicatedInference)).items).toEqual([]);
  });
}, 120_000);

it('works on one cluster while the API server of another is away, and says so', async () => {
  await using lab = await startProvisionerLab();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-vpcs-'));
  try {
    const awayId = randomUUID();
    const kubeconfigPath = join(folder, 'kubeconfig');
    // Port 1 answers nobody.
    const text = (await readFile(lab.cluster.kubeconfigPath, 'utf8')).replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:1');
    await writeFile(kubeconfigPath, text, { mode: 0o600 });
    const both = `${awayId}=${kubeconfigPath},${lab.vpcId}=${lab.cluster.kubeconfigPath}`;
    await using provisioner = await lab.start({ FAIRWAY_CLUSTERS: both });
    const [here, away] = [lab.newSpec({ deployments: [newDeployment(1)] }), lab.newSpec({ vpcId: awayId })];
    await lab.publish(away);
    await lab.create(here);
    const told = { state: 'new', reason: 'ClusterUnreachable', conditions: [{ type: 'Stalled', status: 'True' }] };
    await eventually(async () => expect(await lab.status(away.endpointId)).toMatchObject(told));
    expect((await readiness(provisioner)).missing).toEqual([expect.stringContaining(awayId)]);
    await provisioner.clusters.close(awayId);
    await provisioner.clusters.open(awayId, lab.cluster.kubeconfigPath);
    await eventually(async () => expect(await lab.status(away.endpointId)).toMatchObject({ state: 'provisioning' }));
    expect((await readiness(provisioner)).missing).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
