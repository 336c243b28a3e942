import type { Phase } from '#shared/contract/status.ts';
import { kubeReason, type Reason } from './reasons.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { deletionCostAnnotation, endpointOf, gpuResources, labels, podPortAnnotation } from '../manifests/names.ts';

/** How far a pod has come on its way to serving, and why not further. */
export interface PodStage {
  phase: Phase;
  reason: Reason;
  message: string;
}

/** One pod as deciders see it. */
export interface PodView {
  /** Its uid. */
  replicaId: string;
  name: string;
  namespace: string;
  resourceVersion: string;
  pool: string;
  accelerator: string;
  /** Hash of its template. */
  revision: string;
  createdAt: string;
  /** When it will be killed, once it was marked for deletion. */
  deletingAt: string | undefined;
  /** Undefined while none has been chosen. */
  node: string | undefined;
  address: string | undefined;
  port: number;
  /** GPUs that it asks for. */
  gpus: number;
  /** Kubernetes holds it for ready. */
  ready: boolean;
  /**
   * Its kubelet is not heard: the node controller took `Ready` away, and what else stands there is the kubelet's last
   * word. Source: Kubernetes pkg/controller/util/node MarkPodsNotReady, which leaves `ContainersReady` alone.
   */
  unheard: boolean;
  /** It has ended for good (phase Failed or Succeeded): no replica any more, and nobody's obstacle. */
  finished: boolean;
  /** Restarts of its container: each is another engine behind the same address. */
  restarts: number;
  stage: PodStage;
  deletionCost: number;
}

interface Waiting {
  reason?: string;
  message?: string;
}

/** The parts of a pod's status that are read; a newer server may add others. */
interface PodStatus {
  phase?: string;
  podIP?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
  /** Of what fetches the weights, where something does. */
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: (ContainerStatus & { restartCount?: number; started?: boolean })[];
}

interface ContainerStatus {
  state?: { waiting?: Waiting; running?: object; terminated?: Waiting & { exitCode?: number } };
  lastState?: { terminated?: Waiting & { exitCode?: number } };
}

/** The parts of a pod's spec that are read. */
interface PodSpec {
  nodeName?: string;
  containers?: { ports?: { containerPort: number }[]; resources?: { limits?: Record<string, string> } }[];
}

/** Reads a pod from its object: an older pod may have another engine, and with it another port. Pure. */
export function viewPod(pod: KubeObject): PodView {
  const { metadata } = pod;
  const status = (pod['status'] ?? {}) as PodStatus;
  const { nodeName: node, containers } = (pod['spec'] ?? {}) as PodSpec;
  const engine = containers?.[0];
  const ready = conditionOf(status, 'Ready')?.status === 'True';
  const port = Number(metadata.annotations?.[podPortAnnotation] ?? engine?.ports?.[0]?.containerPort ?? 0);
  return {
    replicaId: metadata.uid ?? '',
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    pool: metadata.labels?.[labels.pool] ?? '',
    accelerator: metadata.labels?.[labels.accelerator] ?? '',
    revision: metadata.labels?.[labels.revision] ?? '',
    createdAt: metadata.creationTimestamp ?? '',
    deletingAt: metadata.deletionTimestamp,
    node,
    address: status.podIP === '' ? undefined : status.podIP,
    port,
    gpus: Object.values(gpuResources).reduce((sum, name) => sum + Number(engine?.resources?.limits?.[name] ?? 0), 0),
    ready,
    unheard: !ready && conditionOf(status, 'ContainersReady')?.status === 'True',
    finished: status.phase === 'Failed' || status.phase === 'Succeeded',
    restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
    stage: stageOf(status),
    deletionCost: Number(metadata.annotations?.[deletionCostAnnotation] ?? 0),
  };
}

/** What to say of nodes whose kubelets the API server does not hear, judged by our pods on them. */
export function unheardKubelets(pods: readonly KubeObject[]): string[] {
  const ours = pods.filter((pod) => endpointOf(pod) !== undefined).map(viewPod);
  const unheard = ours.filter((pod) => pod.unheard);
  if (unheard.length === 0) return [];
  const nodes = new Set(unheard.map(({ node }) => node));
  const names = [...nodes].slice(0, 8).join(', ');
  return [`kubelets: the API server does not hear those of ${names}; ${unheard.length} replicas are asked directly.`];
}

const imageProblems: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
]);

function stageOf(status: PodStatus): PodStage {
  const scheduled = conditionOf(status, 'PodScheduled');
  if (scheduled?.status !== 'True') {
    const reason = kubeReason(scheduled?.reason, 'Scheduling');
    return { phase: 'node', reason, message: scheduled?.message ?? 'A node is being chosen.' };
  }
  const fetching = status.initContainerStatuses?.[0];
  if (fetching !== undefined && fetching.state?.terminated?.exitCode !== 0) return stageOfFetching(fetching);
  const container = status.containerStatuses?.[0];
  const waiting = container?.state?.waiting;
  const making = stageOfMaking(waiting);
  if (imageProblems.has(making.reason)) return making;
  const ended = container?.state?.terminated ?? (waiting === undefined ? undefined : container?.lastState?.terminated);
  if (ended !== undefined) {
    const message = `The engine ended with code ${ended.exitCode ?? 'unknown'}${ended.message ? `: ${ended.message}` : ''}.`;
    // That it lacked memory says more than that it is being started again.
    const said = ended.reason === 'OOMKilled' ? ended.reason : (waiting?.reason ?? ended.reason);
    return { phase: 'load', reason: kubeReason(said, 'EngineEnded'), message };
  }
  if (container === undefined || waiting !== undefined) return making;
  if (container.started !== true)
    return { phase: 'load', reason: 'Loading', message: 'The engine is loading the model.' };
  if (conditionOf(status, 'Ready')?.status !== 'True')
    return { phase: 'warm', reason: 'NotReady', message: 'The engine has started and is not ready yet.' };
  return { phase: 'proof', reason: 'Proving', message: 'Waiting for a first answer through the router.' };
}

function stageOfMaking(waiting: Waiting | undefined): PodStage {
  const reason = kubeReason(waiting?.reason, 'ContainerCreating');
  return { phase: 'image', reason, message: waiting?.message ?? 'The container is being made.' };
}

function stageOfFetching({ state, lastState }: ContainerStatus): PodStage {
  if (state?.running !== undefined)
    return { phase: 'weights', reason: 'FetchingWeights', message: 'The weights are being fetched from storage.' };
  const ended = state?.terminated ?? lastState?.terminated;
  if (ended === undefined) return stageOfMaking(state?.waiting);
  const message = `Fetching the weights ended with code ${ended.exitCode ?? 'unknown'}.`;
  return { phase: 'weights', reason: 'FetchFailed', message };
}

function conditionOf(status: PodStatus, type: string): NonNullable<PodStatus['conditions']>[number] | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}
