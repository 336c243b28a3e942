import { ConfigError } from '#shared/runtime/read-config.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { readKubeconfig, type KubeconfigEndpoint } from '../client/kubeconfig.ts';
import { at, type Json, type JsonObject } from '../objects/object.ts';
import { oldestMinor } from '../real/kubernetes-binaries.ts';
import { missingRights } from './missing-rights.ts';
import { reachOf, type Reach } from './reach-pods.ts';
import { removal } from './what-is-left.ts';

/** A cluster that others have made, and what is wanted of it. */
export interface WantedCluster {
  kubeconfig: string;
  /** Replicas of the first endpoint, a GPU each. */
  replicas: number;
  /** Whether they run the simulator, which only a kubelet of processes does. */
  simulated: boolean;
  /** Whether the region has state of an earlier run, which the cluster may know. */
  kept: boolean;
}

const timeoutMs = 10_000;

/**
 * Looks whether Fairway can work on a cluster, and changes nothing in it. Gives what people should know of it, a line each.
 * @throws ConfigError with every problem and what to do.
 */
export async function checkCluster(wanted: WantedCluster): Promise<string[]> {
  const { kubeconfig, simulated } = wanted;
  const endpoint = await readKubeconfig(kubeconfig);
  await using kube = new KubeHttp(endpoint);
  const version = await readVersion(kube, endpoint, kubeconfig);
  const look = async (path: string): Promise<JsonObject | undefined> => {
    const { code, body } = await kube.send('GET', path, { signal: AbortSignal.timeout(timeoutMs) });
    return code === 200 ? body : undefined;
  };
  const groups = itemsOf(await look('/apis'), 'groups').map((group) => String(at(group, 'name')));
  const [missing, nodes, pods, shared] = await Promise.all([
    missingRights(kube, new Set(['', 'fairway.dev', ...groups])),
    look(`/api/v1/nodes?labelSelector=${simulated ? '' : '%21'}fairway.dev%2Fsimulated`),
    look('/api/v1/pods?limit=500'),
    look('/api/v1/namespaces/fairway-system'),
  ]);
  const gpus = nodes && itemsOf(nodes, 'items').reduce((sum: number, node) => sum + gpusOf(node), 0);
  const stamped = at(shared, 'metadata', 'annotations', 'fairway.dev/stream') !== undefined;
  const reach = await reachOf(pods ?? { items: [] });
  const where = `Context "${endpoint.context}" of ${kubeconfig}, ${endpoint.url}, Kubernetes ${version.name}`;
  const problems = problemsOf(wanted, { version, missing, gpus, stamped, reach });
  if (problems.length > 0) throw new ConfigError(`${where}, cannot be used yet:\n\n${problems.join('\n\n')}`);
  return [
    `${where}, ${gpus ?? 'an unknown number of'} ${simulated ? 'simulated GPUs' : 'GPUs'}`,
    'there: namespace fairway-system, the kind DedicatedInference with its admission policy, a namespace with replicas for each endpoint; on this machine: everything else',
  ];
}

/** What was found in a cluster. */
interface Findings {
  version: { name: string; minor: string };
  missing: readonly string[];
  /** Of the nodes that may run the engine; undefined when nodes may not be listed. */
  gpus: number | undefined;
  stamped: boolean;
  reach: Reach;
}

function problemsOf({ kubeconfig, replicas, simulated, kept }: WantedCluster, found: Findings): string[] {
  const { version, missing, gpus, stamped, reach } = found;
  const problems: string[] = [];
  if (Number(version.minor) < oldestMinor)
    problems.push(
      `It runs Kubernetes ${version.name}, and 1.${oldestMinor} is the oldest with what Fairway's fence needs.`,
    );
  if (missing.length > 0)
    problems.push(
      `Its user may not do all that a provisioner does (k8s/base/provisioner-role.yaml). Missing:\n  ${missing.join('\n  ')}`,
    );
  if (stamped && !kept)
    problems.push(
      `Another Fairway has worked on it, whose state is not here: nothing of it is touched. With its folder: --keep --state-dir FOLDER. Or remove what it left, if nobody needs that:\n  ${removal(kubeconfig).join('\n  ')}`,
    );
  if (gpus !== undefined && gpus < replicas)
    problems.push(
      simulated
        ? `Its nodes that run simulated engines (label fairway.dev/simulated) have ${gpus} GPUs, and ${replicas} replicas need ${replicas}: no registry has an image of the simulator. A kubelet that plays such nodes, with processes of this machine:\n  FAIRWAY_KUBELET_KUBECONFIG='${kubeconfig}' node loadtest/cluster/kubelet/main.ts\nOr a real engine on real GPUs: --engine vllm --model ORG/NAME`
        : `Its nodes have ${gpus} GPUs (nvidia.com/gpu, which a device plug-in tells), and ${replicas} replicas need ${replicas}.`,
    );
  if (reach === 'unreached') problems.push(outOfReach);
  return problems;
}

/** Why nothing is served although pods run. */
export const outOfReach =
  'No pod of it answers this machine, where the routers run: its pod addresses are not routed here, or a NetworkPolicy lets only pods of fairway-system in. Run the command on a node of the cluster, or on a machine that is routed to its pods (VPN) and that the network plug-in lets in.';

async function readVersion(
  kube: KubeHttp,
  { context, url }: KubeconfigEndpoint,
  kubeconfig: string,
): Promise<{ name: string; minor: string }> {
  const where = `The API server ${url} (context "${context}" of ${kubeconfig})`;
  const answer = await kube
    .send('GET', '/version', { signal: AbortSignal.timeout(timeoutMs) })
    .catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new ConfigError(`${where} does not answer: ${why}.\nNext: kubectl --kubeconfig ${kubeconfig} version`);
    });
  if (answer.code !== 200)
    throw new ConfigError(
      `${where} refuses: ${answer.code} ${String(answer.body['message'] ?? '')}.\nNext: get new credentials for it.`,
    );
  const name = String(answer.body['gitVersion']);
  return { name, minor: /^v1\.(\d+)/.exec(name)?.[1] ?? '0' };
}

function itemsOf(list: JsonObject | undefined, member: string): Json[] {
  const items = list?.[member];
  return Array.isArray(items) ? items : [];
}

function gpusOf(node: Json): number {
  return Number(at(node, 'status', 'allocatable', 'nvidia.com/gpu') ?? 0);
}
