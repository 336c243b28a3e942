import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import { deleted, newDeployment, scaled, startProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for the provisioner');

describe('on a real API server', unless, () => {
  it('an endpoint is created, scaled up and down, comes to rest, and is deleted without a trace', async () => {
    await using lab = await startProvisionerLab({ cluster: (kubelet) => startRealCluster(binaries, kubelet) });
    await using _provisioner = await lab.start();
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const { endpointId } = spec;
    await lab.create(spec);
    await lab.isActive(endpointId, await lab.publish(scaled(spec, 3)));
    await lab.isActive(endpointId, await lab.publish({ ...scaled(spec, 1), version: 3 }));
    const namespace = namespaceName(endpointId);
    await eventually(async () => expect((await lab.kube.list(kinds.pod, { namespace })).items).toHaveLength(1));
    // Whatever the server fills in, no object is written again and again.
    const versions = async (): Promise<string[]> => {
      const lists = await Promise.all(
        [kinds.service, kinds.networkPolicy, kinds.secret, kinds.deployment].map((kind) =>
          lab.kube.list(kind, { namespace }),
        ),
      );
      return lists.flatMap(({ items }) =>
        items.map(({ metadata }) => `${metadata.name} ${JSON.stringify(metadata['managedFields'])}`),
      );
    };
    await eventually(async () => {
      const before = await versions();
      // Only waiting shows that nothing happens.
      await delay(1500);
      expect(await versions()).toEqual(before);
    });
    await lab.publish(deleted(spec));
    await lab.isGone(endpointId);
  }, 120_000);
});
