import { mkdir } from 'node:fs/promises';
import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { KubeHttp } from '../client/kube-http.ts';
import type { KubeletConfig } from './config.ts';
import { Guard } from './guard.ts';
import { PodAddresses } from './pod-addresses.ts';
import { followPods, uidOf } from './pod-source.ts';
import { PodWorker, type PodWorkerContext } from './pod-worker.ts';

const hostIp = '127.0.0.1';

/**
 * Starts the kubelet of all nodes: registers them, then runs the pods bound to them as processes of this machine.
 * It lives on while the API server is away; its pods end when it ends, also when it is killed.
 */
export async function startKubelet(
  config: KubeletConfig,
  { log, clock }: { log: Logger; clock: Clock },
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const kube = stack.use(new KubeHttp(await readKubeconfig(config.FAIRWAY_KUBELET_KUBECONFIG)));
  const logs = config.FAIRWAY_KUBELET_LOG_DIR;
  if (logs !== undefined) await mkdir(logs, { recursive: true });
  const guard = stack.use(new Guard());
  const addresses = new PodAddresses({ mode: config.FAIRWAY_KUBELET_ADDRESSES, random: Math.random });
  const context: PodWorkerContext = { kube, clock, log, config, guard, addresses, hostIp };
  const nodes = new Set(Array.from({ length: config.FAIRWAY_KUBELET_NODES }, (_, index) => `gpu-node-${index + 1}`));

  const stop = new AbortController();
  const workers = new Map<string, PodWorker>();
  const following = followPods(
    { kube, clock, log, signal: stop.signal },
    {
      seen: (pod) => {
        const uid = uidOf(pod);
        if (!nodes.has(pod.spec.nodeName ?? '')) return;
        const worker = workers.get(uid);
        if (worker === undefined) workers.set(uid, new PodWorker(pod, context));
        else worker.update(pod);
      },
      gone: (uid) => {
        void workers.get(uid)?.forget();
        workers.delete(uid);
      },
    },
  );
  const registering = registerNodes([...nodes], context, stop.signal);
  stack.defer(async () => {
    stop.abort();
    await Promise.all([following, registering]);
    await Promise.all([...workers.values()].map((worker) => worker[Symbol.asyncDispose]()));
  });
  const running = stack.move();
  return { [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Makes the nodes known, again and again until the API server has taken them. */
export async function registerNodes(
  names: string[],
  context: Pick<PodWorkerContext, 'kube' | 'clock' | 'config'>,
  signal: AbortSignal,
): Promise<void> {
  const { kube, clock, config } = context;
  const gpus = String(config.FAIRWAY_KUBELET_GPUS);
  const capacity = { 'nvidia.com/gpu': gpus, 'amd.com/gpu': gpus, cpu: '64', memory: '512Gi', pods: '110' };
  const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'plays with processes' };
  for (const name of names) {
    const metadata = { name, labels: { 'kubernetes.io/hostname': name, 'fairway.dev/simulated': 'true' } };
    const node = { apiVersion: 'v1', kind: 'Node', metadata };
    const status = {
      capacity,
      allocatable: capacity,
      conditions: [condition],
      addresses: [{ type: 'InternalIP', address: hostIp }],
    };
    const manager = { fieldManager: 'kubelet', force: 'true' };
    const register = async (): Promise<boolean> => {
      const made = await kube.apply(`/api/v1/nodes/${name}`, node, manager);
      const said = await kube.apply(`/api/v1/nodes/${name}/status`, { ...node, status }, manager);
      return made.code < 300 && said.code < 300;
    };
    while (!signal.aborted && !(await register().catch(() => false))) await pause(clock, 250, signal);
  }
}
