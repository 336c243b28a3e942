import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { readKubeconfig, writeKubeconfig } from '../client/kubeconfig.ts';
import { addNode, core } from '../testing/contract-lab.ts';
import { kubectl } from '../testing/gateway-definitions.ts';
import { findKubelab, startKubelab } from '../testing/kubelab.ts';
import { checkCluster } from './check-cluster.ts';
import { whatIsLeft } from './what-is-left.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver to look at as a given cluster');
const started = endAfterAll();
let folder: string;
beforeAll(async () => {
  folder = await started.folder('fairway-given-');
});

const check = (kubeconfig: string, replicas = 2, kept = false): Promise<string[]> =>
  checkCluster({ kubeconfig, replicas, simulated: true, kept });

describe('a kubeconfig that is of no use', () => {
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };

  it('is missing, or none', async () => {
    await expect(check(join(folder, 'none'))).rejects.toThrow(/none cannot be read: ENOENT/);
    const bad = await write('bad', 'users:\n- name: u\n  user: {token: secret-token\nclusters: }{');
    await expect(check(bad)).rejects.toThrow(/bad is no kubeconfig: ./);
    await expect(check(bad)).rejects.not.toThrow(/secret-token/);
  });

  it('has no current context, or one that it does not have', async () => {
    const contexts = 'contexts: [{name: staging, context: {cluster: c, user: u}}]\nclusters: []\nusers: []\n';
    await expect(check(await write('no-context', contexts))).rejects.toThrow(
      /no current context; it has: staging.\nNext: kubectl .* use-context staging/,
    );
    const wrong = await write('wrong', `current-context: production\n${contexts}`);
    await expect(check(wrong)).rejects.toThrow(/no context "production" with a cluster; it has: staging/);
  });

  it('leads to nobody', async () => {
    const path = join(folder, 'away');
    await writeKubeconfig(path, { url: `https://127.0.0.1:${await freePort()}`, token: 'secret-token' });
    await expect(check(path)).rejects.toThrow(/API server https.* does not answer: connect ECONNREFUSED/);
    await expect(check(path)).rejects.not.toThrow(/secret-token/);
  });
});

describe('a real cluster', unless, () => {
  let kubeconfig: string;
  let kube: KubeHttp;
  beforeAll(async () => {
    ({ kubeconfigPath: kubeconfig } = await started.use(startKubelab(binaries)));
    kube = started.keep(new KubeHttp(await readKubeconfig(kubeconfig)));
  }, 90_000);

  it('is looked at as any client describes it, and needs nodes, reach and nobody else’s work', async () => {
    const yaml = join(folder, 'yaml');
    const { stdout } = await kubectl({ binaries, kubeconfigPath: kubeconfig }, [
      'config',
      'view',
      '--raw',
      '--flatten',
    ]);
    await writeFile(yaml, stdout);
    expect(stdout).toContain('certificate-authority-data');
    await expect(check(yaml)).rejects.toThrow(/have 0 GPUs, and 2 replicas need 2/);

    await addNode(kube, 'simulated', 'x');
    await kube.mergePatch('/api/v1/nodes/simulated', { metadata: { labels: { 'fairway.dev/simulated': 'true' } } });
    expect(await check(yaml)).toEqual([
      expect.stringContaining('Kubernetes v1.37.2, 8 simulated GPUs'),
      expect.any(String),
    ]);
    const real = { kubeconfig: yaml, replicas: 1, simulated: false, kept: false };
    await expect(checkCluster(real)).rejects.toThrow(/Its nodes have 0 GPUs \(nvidia.com\/gpu/);
    await expect(check(yaml, 9)).rejects.toThrow(/have 8 GPUs, and 9 replicas need 9/);

    const containers = [{ name: 'c', image: 'i', ports: [{ containerPort: 8000 }] }];
    await kube.send('POST', '/api/v1/namespaces/default/pods', {
      body: core('Pod', 'far', { spec: { containers, nodeName: 'simulated' } }),
    });
    const status = { phase: 'Running', podIP: '2001:db8::1', podIPs: [{ ip: '2001:db8::1' }] };
    expect((await kube.mergePatch('/api/v1/namespaces/default/pods/far/status', { status })).code).toBe(200);
    await expect(check(yaml)).rejects.toThrow(/No pod of it answers this machine/);
    await kube.send('DELETE', '/api/v1/namespaces/default/pods/far', { body: { gracePeriodSeconds: 0 } });

    expect(await whatIsLeft(yaml, false)).toEqual([]);
    const stamp = { metadata: { annotations: { 'fairway.dev/stream': 'another' } } };
    await kube.send('POST', '/api/v1/namespaces', { body: core('Namespace', 'fairway-system', stamp) });
    await expect(check(yaml)).rejects.toThrow(/Another Fairway has worked on it/);
    expect(await check(yaml, 2, true)).toHaveLength(2);
    expect((await whatIsLeft(yaml, false)).join('\n')).toMatch(
      /endpoints: 0; namespace[\s\S]*delete namespace fairway-system/,
    );
  });

  it('names what its user may not do', async () => {
    const admin = { binaries, kubeconfigPath: kubeconfig };
    const { url, tls } = await readKubeconfig(kubeconfig);
    const caFile = join(folder, 'ca.pem');
    await writeFile(caFile, tls?.ca ?? '');
    const account = ['-n', 'default'];
    await kubectl(admin, [...account, 'create', 'serviceaccount', 'reader']);
    const role = ['--verb=get,list,watch', '--resource=pods'];
    await kubectl(admin, ['create', 'clusterrole', 'reader', ...role]);
    await kubectl(admin, [
      'create',
      'clusterrolebinding',
      'reader',
      '--clusterrole=reader',
      '--serviceaccount=default:reader',
    ]);
    const { stdout } = await kubectl(admin, [...account, 'create', 'token', 'reader']);
    const own = join(folder, 'reader');
    await writeKubeconfig(own, { url, token: stdout.trim(), caFile });
    const refused = check(own);
    await expect(refused).rejects.toThrow(/customresourcedefinitions.apiextensions.k8s.io: create, get, patch/);
    await expect(refused).rejects.toThrow(/secrets in fairway-system: create, get, patch/);
    await expect(refused).rejects.toThrow(/^ {2}pods: patch$/m);
    await expect(refused).rejects.not.toThrow(/gateway|GPUs/);
    await expect(whatIsLeft(own, false)).rejects.toThrow(/answered 403/);
  });
});
