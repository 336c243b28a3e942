import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kubectl } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import { connectKube } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { resourceDefinition } from '../manifests/fence.ts';
import { gatewayClass } from '../manifests/gateway.ts';
import { namespaceName, systemNamespace } from '../manifests/names.ts';
import { findGatewayApi, installGatewayApi } from './gateway-kinds.ts';
import { deleted, newDeployment, readiness, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, definitions, unless } = await findGatewayApi();

const install = (kubeconfigPath: string): Promise<void> => installGatewayApi({ binaries, kubeconfigPath }, definitions);

const startLab = (nodes: number): Promise<ProvisionerLab> =>
  startProvisionerLab({ nodes, cluster: (kubelet) => startRealCluster(binaries, kubelet) });

describe('on a real API server with the Gateway API', unless, () => {
  it('every object of an endpoint passes a server-side dry run without a warning', async () => {
    await using stack = new AsyncDisposableStack();
    const { kubeconfigPath } = stack.use(await startRealCluster(binaries, { FAIRWAY_KUBELET_NODES: 0 }));
    const kube = stack.use(await connectKube(kubeconfigPath));
    const golden = await readFile(join(import.meta.dirname, '../manifests/endpoint.golden.json'), 'utf8');
    const items = JSON.parse(golden) as KubeObject[];
    const homes = new Set(items.flatMap(({ metadata }) => metadata.namespace ?? []));
    await install(kubeconfigPath);
    await kube.apply(resourceDefinition());
    for (const name of homes) await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const folder = await mkdtemp(join(tmpdir(), 'fairway-dry-run-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'objects.json');
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const flags = '--server-side --force-conflicts --dry-run=server --validate=strict --warnings-as-errors'.split(' ');
    // Definitions count a moment after they were applied.
    const passed = await eventually(() => kubectl({ binaries, kubeconfigPath }, ['apply', ...flags, '-f', file]));
    expect(passed.stderr).toBe('');
    expect(passed.stdout.trim().split('\n')).toHaveLength(items.length);
  }, 60_000);

  it('an endpoint gets its routes when the kinds are installed, and leaves none behind', async () => {
    await using lab = await startLab(1);
    await using _provisioner = await lab.start({ FAIRWAY_CLUSTER_LOOK_MS: '200' });
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await lab.create(spec);
    const namespace = namespaceName(spec.endpointId);
    await install(lab.cluster.kubeconfigPath);
    const told = { conditions: ['Accepted', 'ResolvedRefs'].map((type) => ({ type, status: 'True' })) };
    await eventually(async () => {
      const [route, pool] = await Promise.all(
        [kinds.httpRoute, kinds.inferencePool].map(async (kind) => (await lab.kube.list(kind, { namespace })).items[0]),
      );
      expect(route?.['status']).toMatchObject({ parents: [told, told] });
      expect(pool?.['status']).toMatchObject({ parents: [told] });
    });
    const everyRouter = { type: 'Programmed', status: 'True', reason: 'Programmed' };
    await eventually(async () => {
      const [gateway, gatewayClass] = await Promise.all([
        lab.kube.get(kinds.gateway, { name: 'fairway', namespace: systemNamespace }),
        lab.kube.get(kinds.gatewayClass, { name: 'fairway' }),
      ]);
      expect(gateway['status']).toMatchObject({
        conditions: [{ type: 'Accepted', status: 'True' }, everyRouter],
        listeners: [{ attachedRoutes: 1 }, { attachedRoutes: 1 }],
      });
      expect(gatewayClass['status']).toMatchObject({ conditions: [{ type: 'Accepted', status: 'True' }] });
    });
    await lab.publish(deleted(spec));
    await lab.isGone(spec.endpointId);
  }, 120_000);

  it('a class of that name which is another’s stops no endpoint, and is told while it is there', async () => {
    await using lab = await startLab(1);
    await install(lab.cluster.kubeconfigPath);
    const another = { ...gatewayClass(), spec: { controllerName: 'example.com/another' } };
    await eventually(() => lab.kube.create(another));
    await using provisioner = await lab.start({ FAIRWAY_CLUSTER_LOOK_MS: '200' });
    await lab.create(lab.newSpec({ deployments: [newDeployment(1)] }));
    const warnings = async (): Promise<string> => (await readiness(provisioner)).warnings.join();
    await eventually(async () => expect(await warnings()).toMatch(/GatewayClass .*controllerName/));
    await lab.kube.delete(kinds.gatewayClass, { name: 'fairway' }, { preconditions: {} });
    await eventually(async () => expect(await warnings()).toBe(''));
  }, 120_000);

  // Each is more than a dozen writes: all 200 take minutes on a busy machine.
  const many = process.env['FAIRWAY_TEST_ALL'] === 'on' ? 200 : 10;

  it(`${many} endpoints share one Gateway`, async () => {
    await using lab = await startLab(0);
    await install(lab.cluster.kubeconfigPath);
    await using _provisioner = await lab.start();
    const specs = Array.from({ length: many }, () => lab.newSpec({ deployments: [newDeployment(1)] }));
    await Promise.all(specs.map((spec) => lab.publish(spec)));
    await eventually(
      async () => {
        const { items } = await lab.kube.list(kinds.httpRoute);
        const hosts = items.map((route) => (route['spec'] as { hostnames: string[] }).hostnames);
        expect(new Set(hosts.flat()).size).toBe(2 * many);
      },
      { timeoutMs: 480_000 },
    );
    const gateways = await lab.kube.list(kinds.gateway);
    expect(gateways.items.map(({ metadata }) => metadata.namespace)).toEqual([systemNamespace]);
  }, 600_000);
});
