import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { makeAuthority, readAuthority, rotateAuthority } from '#shared/runtime/tls/authority-files.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { leafIn } from '../manifests/leaf-secret.ts';
import { leafSecretName, systemNamespace } from '../manifests/names.ts';
import type { Provisioner } from '../service.ts';
import { readiness, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for the routers’ certificate');
const named = { namespace: systemNamespace, name: leafSecretName };

describe.each([
  { server: 'the embedded cluster', unless: {}, start: () => startProvisionerLab() },
  {
    server: 'a real API server',
    unless,
    start: () => startProvisionerLab({ cluster: (kubelet) => startRealCluster(binaries, kubelet) }),
  },
])('the certificate of routers as a Secret of $server', ({ unless, start }) => {
  const started = endAfterAll();
  let lab: ProvisionerLab;
  let authority: string;

  describe('', unless, () => {
    beforeAll(async () => {
      lab = await started.use(start());
      authority = join(await started.folder('fairway-leaf-'), 'ca');
      await makeAuthority(authority, 'Fairway', Date.now());
    }, 60_000);

    const startOne = (): Promise<Provisioner> =>
      lab.start({ FAIRWAY_CA_DIR: authority, FAIRWAY_CA_LOOK_MS: '100', FAIRWAY_CLUSTER_LOOK_MS: '100' });
    const read = (): Promise<KubeObject> => lab.kube.get(kinds.secret, named);
    const shown = (secret: KubeObject): X509Certificate => new X509Certificate(leafIn(secret)?.cert ?? '');

    it('is issued with its key, once, and stays while it is good', async () => {
      await using one = await startOne();
      const secret = await eventually(read);
      expect(secret).toMatchObject({ type: 'kubernetes.io/tls' });
      const [signer, leaf] = [new X509Certificate((await readAuthority(authority)).signer.cert), shown(secret)];
      expect(leaf.checkIssued(signer)).toBe(true);
      expect(leaf.checkPrivateKey(createPrivateKey(leafIn(secret)?.key ?? ''))).toBe(true);
      expect(leaf.checkHost('abc-private-dedicated-inference.fairway.localhost')).toBe('*.fairway.localhost');
      await using _two = await startOne();
      await lab.create(lab.newSpec());
      expect((await read()).metadata.resourceVersion).toBe(secret.metadata.resourceVersion);
      expect((await readiness(one)).warnings).toEqual([]);
    });

    it('follows the authority, comes back when it is deleted, and is mended when it is no certificate', async () => {
      await using _one = await startOne();
      await using _two = await startOne();
      const before = shown(await eventually(read)).serialNumber;
      await rotateAuthority(authority, 'Fairway', Date.now());
      await rotateAuthority(authority, 'Fairway', Date.now());
      const signer = new X509Certificate((await readAuthority(authority)).signer.cert);
      await eventually(async () => expect(shown(await read()).checkIssued(signer)).toBe(true));
      expect(shown(await read()).serialNumber).not.toBe(before);
      await lab.kube.delete(kinds.secret, named, { preconditions: {} });
      await eventually(async () => expect(shown(await read()).checkIssued(signer)).toBe(true));
      const patch = { data: { 'tls.crt': btoa('no certificate'), 'tls.key': btoa('no key') } };
      await lab.kube.patch(kinds.secret, named, { patch });
      await eventually(async () => expect(shown(await read()).checkIssued(signer)).toBe(true));
    });
  });
});
