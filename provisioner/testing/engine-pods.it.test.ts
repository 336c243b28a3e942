import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { kubectl } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { connectKube, type KubeClient } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { podSecurityOf } from '../manifests/namespace.ts';
import { engineAccountName } from '../manifests/names.ts';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for the pods of engines');
const folder = join(import.meta.dirname, '../manifests');
const files = (await readdir(folder)).filter((name) => /^(engine|weights)-[a-z-]+\.golden\.json$/.test(name));
const deploymentsIn = async (file: string): Promise<KubeObject[]> =>
  JSON.parse(await readFile(join(folder, file), 'utf8')) as KubeObject[];

/** The pod that the cluster's controllers make of a Deployment. */
function podOf({ spec }: KubeObject, namespace: string): KubeObject {
  const { template } = spec as { template: { metadata: object; spec: object } };
  const metadata = { ...template.metadata, name: 'engine-0', namespace };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec };
}

describe('pods of every engine and weight source, on a real API server', unless, () => {
  const started = endAfterAll();
  let kube: KubeClient;
  let apply: (objects: KubeObject[]) => Promise<{ stdout: string; stderr: string }>;

  beforeAll(async () => {
    const { kubeconfigPath } = await started.use(startRealCluster(binaries, { FAIRWAY_KUBELET_NODES: 0 }));
    kube = await started.use(connectKube(kubeconfigPath));
    const home = await started.folder('fairway-engine-pods-');
    apply = async (items) => {
      const file = join(home, 'objects.json');
      await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
      const flags = '--server-side --dry-run=server --validate=strict --warnings-as-errors'.split(' ');
      return kubectl({ binaries, kubeconfigPath }, ['apply', ...flags, '-f', file]);
    };
  }, 60_000);

  /** A namespace at a level of Pod Security, with the account of engines. */
  const makeHome = async (name: string, level: string): Promise<void> => {
    const labels = { 'pod-security.kubernetes.io/enforce': level };
    await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    const metadata = { name: engineAccountName, namespace: name };
    await kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  };

  it('there are some of each', () => {
    expect(files.filter((name) => name.startsWith('engine-')).length).toBeGreaterThanOrEqual(4);
    expect(files.filter((name) => name.startsWith('weights-')).length).toBeGreaterThanOrEqual(3);
  });

  it.each(files)('%s: taken as they are, without a warning, at the level that their namespace gets', async (file) => {
    const deployments = await deploymentsIn(file);
    const home = `pods-${file.replace('.golden.json', '')}`;
    await makeHome(home, podSecurityOf(deployments));
    for (const deployment of deployments) {
      const { metadata } = deployment;
      const said = await apply([
        { ...deployment, metadata: { ...metadata, namespace: home } },
        podOf(deployment, home),
      ]);
      expect(said.stdout.trim().split('\n')).toHaveLength(2);
    }
  });

  it('an engine that runs as root breaks no other rule of "restricted" than that', async () => {
    await makeHome('strict', 'restricted');
    for (const file of files) {
      const [deployment] = await deploymentsIn(file);
      if (deployment === undefined) throw new Error(`${file} is empty`);
      const said = await apply([podOf(deployment, 'strict')]).catch((error: unknown) => error);
      if (podSecurityOf([deployment]) === 'restricted') expect(said).toHaveProperty('stdout');
      else
        expect(String(said)).toMatch(/violates PodSecurity "restricted:latest": runAsNonRoot != true \([^)]*\)\s*$/m);
    }
  });
});
