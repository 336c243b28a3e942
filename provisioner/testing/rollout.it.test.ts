import { describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import { newDeployment, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, unless } = await findKubelab('rollouts on full GPUs of a real API server');

/** The same model on other accelerators. */
function exchanged(spec: SpecDocument): SpecDocument {
  const { accelerators } = newDeployment(spec.deployments[0]?.accelerators[0]?.scale ?? 1);
  const deployments = spec.deployments.map((model) => ({ ...model, accelerators }));
  return { ...spec, version: spec.version + 1, deployments };
}

/** Every document of the endpoint's only pool from now on. */
async function poolsFrom(lab: ProvisionerLab, { vpcId, endpointId }: SpecDocument) {
  const seen: PoolDocument[] = [];
  const subscription = lab.nats.nc.subscribe(`$KV.edge.pool.${vpcId}.${endpointId}.>`, {
    callback: (_error, message) => void (message.data.length > 0 && seen.push(message.json())),
  });
  await lab.nats.nc.flush();
  return { seen, [Symbol.dispose]: () => subscription.unsubscribe() };
}

const readyIn = ({ replicas }: PoolDocument): number => replicas.filter(({ state }) => state === 'ready').length;

/** One node with eight GPUs, all taken: six by another endpoint. */
async function exchangeOnFullGpus(lab: ProvisionerLab): Promise<void> {
  await using _provisioner = await lab.start({ FAIRWAY_CHANGE_DEADLINE_MS: '30000' });
  const other = lab.newSpec({ name: 'other', deployments: [newDeployment(6)] });
  await lab.create(other);
  const spec = lab.newSpec({ deployments: [newDeployment(2)] });
  await lab.create(spec);
  using pools = await poolsFrom(lab, spec);
  const next = exchanged(spec);
  await lab.isActive(spec.endpointId, await lab.publish(next));
  expect(Math.min(...pools.seen.map(readyIn))).toBe(1);
  expect(pools.seen.some(({ hold }) => hold !== undefined)).toBe(false);

  // One more pod of somebody else leaves the endpoint with one replica and no room.
  const single = { ...next, version: 3, deployments: withScale(next, 1) };
  await lab.isActive(spec.endpointId, await lab.publish(single));
  await eventually(async () => expect(await podsOf(lab, spec)).toHaveLength(1));
  await lab.isActive(other.endpointId, await lab.publish({ ...other, version: 2, deployments: withScale(other, 7) }));
  pools.seen.length = 0;
  await lab.isActive(spec.endpointId, await lab.publish({ ...exchanged(single), version: 4 }));
  const unserved = pools.seen.filter((pool) => readyIn(pool) === 0);
  expect(unserved.length).toBeGreaterThan(0);
  expect(unserved.filter(({ hold }) => hold === undefined)).toEqual([]);
  expect(pools.seen.at(-1)).toMatchObject({ replicas: [{ state: 'ready' }] });
  expect(pools.seen.at(-1)).not.toHaveProperty('hold');

  const [model] = exchanged(single).deployments;
  const accelerators = newDeployment(1).accelerators.map((group) => ({ ...group, slug: 'gpu-mi300x8-1536gb' }));
  const refused = await lab.publish({ ...single, version: 5, deployments: [{ ...model!, accelerators }] });
  await eventually(async () =>
    expect(await lab.status(spec.endpointId)).toMatchObject({
      state: 'active',
      rejection: { revision: refused, reason: 'NoRoom' },
      replicas: { ready: 1 },
    }),
  );
}

async function podsOf({ kube }: ProvisionerLab, { endpointId }: SpecDocument) {
  return (await kube.list(kinds.pod, { namespace: namespaceName(endpointId) })).items;
}

function withScale({ deployments }: SpecDocument, scale: number): SpecDocument['deployments'] {
  return deployments.map((model) => ({
    ...model,
    accelerators: model.accelerators.map((group) => ({ ...group, scale })),
  }));
}

it('exchanges replicas one by one on full GPUs, the only one under a hold, and refuses what cannot fit', async () => {
  await using lab = await startProvisionerLab();
  await exchangeOnFullGpus(lab);
}, 90_000);

describe('on a real API server', unless, () => {
  it('exchanges replicas one by one on full GPUs, the only one under a hold, and refuses what cannot fit', async () => {
    await using lab = await startProvisionerLab({ cluster: (kubelet) => startRealCluster(binaries, kubelet) });
    await exchangeOnFullGpus(lab);
  }, 180_000);
});
