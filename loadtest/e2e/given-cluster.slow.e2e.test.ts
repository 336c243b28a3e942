import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { KubeHttp } from '#loadtest/cluster/client/kube-http.ts';
import { lookAt, readKubeconfig } from '#loadtest/cluster/client/kubeconfig.ts';
import { findKubelab, startKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { environment } from '#shared/runtime/environment.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';

const run = promisify(execFile);
const { binaries, unless } = await findKubelab('a real kube-apiserver for npm run dev -- --kubeconfig');
const loadtest = join(import.meta.dirname, '..');

describe('npm run dev -- --kubeconfig', unless, () => {
  const started = endAfterAll();
  let folder: string;
  let kubeconfig: string;
  beforeAll(async () => {
    folder = await started.folder('fairway-given-');
    ({ kubeconfigPath: kubeconfig } = await started.use(startKubelab(binaries)));
    const env = { ...environment(), FAIRWAY_KUBELET_KUBECONFIG: kubeconfig, FAIRWAY_KUBELET_NODES: '1' };
    started.child(spawn(process.execPath, [join(loadtest, 'cluster/kubelet/main.ts')], { env, stdio: 'ignore' }));
    const ready = async (): Promise<void> => {
      const { items } = (await lookAt(kubeconfig, '/api/v1/nodes')) as {
        items: { status: { allocatable?: object } }[];
      };
      expect(items[0]?.status.allocatable).toMatchObject({ 'nvidia.com/gpu': '8' });
    };
    await eventually(ready, { timeoutMs: 30_000 });
  });

  const commandOf = (args: readonly string[]) => {
    const main = join(loadtest, 'stack/main.ts');
    const command = [main, '--smoke', '--port', '0', '--replicas', '1', '--kubeconfig', kubeconfig, ...args];
    const options = { timeout: 60_000, cwd: folder, env: { ...environment(), TMPDIR: folder } };
    return [process.execPath, command, options] as const;
  };
  const smoke = async (...args: string[]): Promise<{ code: number; said: string }> => {
    return run(...commandOf(args)).then(
      ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
      (error: Error & { code?: number; stdout: string; stderr: string }) => ({
        code: error.code ?? -1,
        said: error.stdout + error.stderr,
      }),
    );
  };
  const names = async (path: string): Promise<string[]> => {
    const { items } = (await lookAt(kubeconfig, path)) as { items: { metadata: { name: string } }[] };
    return items.map(({ metadata }) => metadata.name);
  };

  it('serves from it, says what it leaves, goes on with --keep alone, and what it says removes all of it', async () => {
    const state = ['--keep', '--state-dir', join(folder, 'kept')];
    const first = await smoke(...state);
    expect(first, first.said).toMatchObject({ code: 0 });
    expect(first.said).toMatch(/Kubernetes v1\.37\.2, 8 simulated GPUs[\s\S]*first token after/);
    expect(first.said).toMatch(/endpoints: 1, with 1 pods/);
    const second = await smoke(...state);
    expect(second, second.said).toMatchObject({ code: 0 });
    expect(await names('/apis/fairway.dev/v1/dedicatedinferences')).toHaveLength(1);

    const other = await smoke();
    expect(other).toMatchObject({ code: 1, said: expect.stringContaining('Another Fairway has worked on it') });
    const elsewhere = await smoke('--keep', '--state-dir', join(folder, 'elsewhere'));
    expect(elsewhere).toMatchObject({ code: 1, said: expect.stringContaining('made anew') });
    expect(await names('/apis/fairway.dev/v1/dedicatedinferences')).toHaveLength(1);

    const commands = second.said.split('\n').filter((line) => line.startsWith('kubectl '));
    const PATH = `${binaries}:${environment()['PATH']}`;
    await run('sh', ['-e', '-c', commands.join('\n')], { env: { ...environment(), PATH } });
    expect((await names('/api/v1/namespaces')).filter((name) => name.startsWith('fairway'))).toEqual([]);
    expect(await names('/api/v1/pods')).toEqual([]);
    expect(await names('/apis/apiextensions.k8s.io/v1/customresourcedefinitions')).toEqual([]);
    expect(await names('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies')).toEqual([]);
  });

  it('asks its own nodes for vLLM, and tells what they say', async () => {
    await using kube = new KubeHttp(await readKubeconfig(kubeconfig));
    await kube.mergePatch('/api/v1/nodes/gpu-node-1', { metadata: { labels: { 'fairway.dev/simulated': null } } });
    const engine = ['--engine', 'vllm', '--model', 'Qwen/Qwen3-0.6B'];
    const [file, args, options] = commandOf(engine);
    const dev = started.child(spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] }));
    const ended = once(dev, 'exit');
    let said = '';
    for await (const line of createInterface({ input: dev.stdout })) {
      said += `${line}\n`;
      if (line.includes('image "vllm/vllm-openai" is not in the table')) dev.kill('SIGINT');
    }
    expect(await ended, said).toEqual([0, null]);
    const { items } = (await lookAt(kubeconfig, '/apis/apps/v1/deployments')) as { items: object[] };
    expect(JSON.stringify(items)).toContain('"args":["Qwen/Qwen3-0.6B",');
    expect(said).toContain('endpoints: 1, with 1 pods');
  });
});
