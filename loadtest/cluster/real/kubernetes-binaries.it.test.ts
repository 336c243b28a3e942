import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { findKubelab, startKubelab } from '../testing/kubelab.ts';
import { findKubernetes } from './kubernetes-binaries.ts';

const started = endAfterAll();
let folder: string;
beforeAll(async () => {
  folder = await started.folder('fairway-binaries-');
});

const envtest = ['etcd', 'kube-apiserver', 'kubectl'];
const all = [...envtest, 'kube-controller-manager', 'kube-scheduler'];

/** A folder with programs that say a version and do nothing else. */
async function programs(name: string, names: readonly string[], version: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const program of names) {
    await writeFile(join(path, program), `#!/bin/sh\necho Kubernetes ${version}\n`);
    await chmod(join(path, program), 0o755);
  }
  return path;
}

describe('the programs of a control plane', () => {
  /** Nothing is built, and nothing is on the PATH unless it is given. */
  const find = (env: Record<string, string>): Promise<string> =>
    findKubernetes({ FAIRWAY_CACHE: folder, PATH: '', ...env });

  it('are those of KUBEBUILDER_ASSETS, else of one folder of the PATH', async () => {
    const assets = await programs('assets', all, 'v1.34.2');
    const path = await programs('path', all, 'v1.31.0');
    expect(await find({ KUBEBUILDER_ASSETS: assets, PATH: path })).toBe(assets);
    expect(await find({ PATH: `/nowhere:${path}` })).toBe(path);
  });

  it('are refused, with the reason, when one is missing, too old or does not run', async () => {
    const two = await programs('two', envtest, 'v1.34.2');
    const old = await programs('old', all, 'v1.29.9');
    const broken = await programs('broken', all, '');
    await expect(find({ KUBEBUILDER_ASSETS: two })).rejects.toThrow(
      /two, which has no kube-controller-manager, kube-scheduler; and/,
    );
    await expect(find({ KUBEBUILDER_ASSETS: old })).rejects.toThrow(/is Kubernetes v1.29.9; 1.30 or newer is needed/);
    await expect(find({ KUBEBUILDER_ASSETS: broken, PATH: old })).rejects.toThrow(/does not run here/);
    await expect(find({})).rejects.toThrow(/^it is built with Go, which is not on the PATH$/);
  });

  it('can be built when a Go is there that is new enough', async () => {
    const go = async (version: string): Promise<string> => {
      const path = join(folder, version);
      await mkdir(path);
      await writeFile(join(path, 'go'), `#!/bin/sh\necho ${version}\n`);
      await chmod(join(path, 'go'), 0o755);
      return path;
    };
    await expect(find({ PATH: await go('go1.22.12') })).rejects.toThrow(/go1.22.12 is too old/);
    await expect(find({ PATH: await go('go1.26.0') })).rejects.toThrow(/^it is not built yet on this machine$/);
  });
});

const { binaries, unless } = await findKubelab('a real kube-apiserver, called as KUBEBUILDER_ASSETS would have it');

describe('real programs in a folder of their own', unless, () => {
  it('start as KUBEBUILDER_ASSETS', async () => {
    const assets = join(folder, 'links');
    await mkdir(assets);
    for (const name of all) await symlink(join(binaries, name), join(assets, name));
    const found = await findKubernetes({ KUBEBUILDER_ASSETS: assets, PATH: '' });
    expect(found).toBe(assets);
    await using cluster = await startKubelab(found);
    expect(cluster.url).toMatch(/^https:\/\/127\.0\.0\.1:/);
  });
});
