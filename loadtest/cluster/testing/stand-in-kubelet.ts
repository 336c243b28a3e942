import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { readKubeletConfig } from '../kubelet/config.ts';
import { PodApi } from '../kubelet/pod-api.ts';
import { followPods, uidOf } from '../kubelet/pod-source.ts';
import { podStatus } from '../kubelet/pod-status.ts';
import { registerNodes } from '../kubelet/service.ts';
import type { Pod } from '../objects/workloads.ts';

/**
 * Starts a kubelet without processes: a pod that is bound to one of its nodes (8 GPUs each) runs and is ready at once,
 * with an address of 127.64.0.0/16, and goes as soon as it is asked to. For tests of many pods.
 */
export async function startStandInKubelet(kubeconfigPath: string, nodes: number): Promise<AsyncDisposable> {
  const [log, clock, stop] = [silentLogger(), systemClock, new AbortController()];
  const kube = new KubeHttp(await readKubeconfig(kubeconfigPath));
  const config = { ...readKubeletConfig({ FAIRWAY_KUBELET_KUBECONFIG: kubeconfigPath }), FAIRWAY_KUBELET_NODES: nodes };
  const names = Array.from({ length: nodes }, (_, index) => `gpu-node-${index + 1}`);
  const known = new Map<string, 'running' | 'ending'>();
  const writing = new Set<Promise<void>>();
  let addresses = 0;
  const write = (work: Promise<void>): void => {
    writing.add(work);
    void work.finally(() => writing.delete(work));
  };
  const run = async (pod: Pod): Promise<void> => {
    addresses += 1;
    const address = { ip: `127.64.${(addresses >> 8) & 255}.${addresses & 255}`, port: 8000 };
    const api = new PodApi(pod, { kube, clock, log });
    const now = api.now();
    const facts = {
      address,
      hostIp: '127.0.0.1',
      state: { running: { startedAt: now } },
      last: undefined,
      restarts: 0,
    };
    const more = { started: true, ready: true, containerId: `stand-in://${uidOf(pod)}`, outcome: undefined };
    await api.writeStatus(podStatus(pod, {}, { ...facts, ...more, startTime: now, now }), stop.signal);
  };
  const seen = (pod: Pod): void => {
    const uid = uidOf(pod);
    const ending = pod.metadata.deletionTimestamp !== undefined;
    if (!names.includes(pod.spec.nodeName ?? '') || known.get(uid) === (ending ? 'ending' : 'running')) return;
    known.set(uid, ending ? 'ending' : 'running');
    write(ending ? new PodApi(pod, { kube, clock, log }).finish(stop.signal) : run(pod));
  };
  const gone = (uid: string): void => void known.delete(uid);
  const following = followPods({ kube, clock, log, signal: stop.signal }, { seen, gone });
  await registerNodes(names, { kube, clock, config }, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
      await Promise.all(writing);
      await kube[Symbol.asyncDispose]();
    },
  };
}
