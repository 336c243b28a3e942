import type { KubeObject } from '../kube/kube-object.ts';
import { gpuResources } from '../manifests/names.ts';
import { viewPod } from '../observe/pod-view.ts';
import { RoomReader, type Amounts, type ClusterRoom } from '../observe/room.ts';

/** Nodes of a sample cluster, and a scheduler that counts GPUs. */
export class SampleNodes {
  /** GPUs of each node, by its name. */
  readonly gpus = new Map([['node', 1000]]);
  /** GPUs of each node that other tenants' pods have. */
  readonly others = new Map<string, number>();
  /** Nodes that take no new pods. */
  readonly closed = new Set<string>();

  /** GPUs that nobody has, by node: what is being deleted has its own until it is gone. */
  free(pods: readonly KubeObject[]): Map<string, number> {
    const alive = pods.filter((pod) => !viewPod(pod).finished);
    return new Map(
      [...this.gpus].map(([node, gpus]) => {
        const ours = alive.filter((pod) => nodeOf(pod) === node).reduce((sum, pod) => sum + viewPod(pod).gpus, 0);
        return [node, gpus - ours - (this.others.get(node) ?? 0)];
      }),
    );
  }

  /** The emptiest node that has room for a pod. */
  placeFor(pod: KubeObject, pods: readonly KubeObject[]): string | undefined {
    const open = [...this.free(pods)].filter(([node]) => !this.closed.has(node));
    const [most] = open.toSorted(([, a], [, b]) => b - a);
    return most !== undefined && most[1] >= viewPod(pod).gpus ? most[0] : undefined;
  }

  /** As the provisioner sees it. */
  room(pods: readonly KubeObject[]): ClusterRoom {
    const nodes = [...this.gpus].map(([name, gpus]) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { unschedulable: this.closed.has(name) },
      status: { allocatable: { ...both(String(gpus)), cpu: '1000', memory: '1Ti', pods: '1000' } },
    }));
    const others = [...this.others].map(([nodeName, gpus]) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `other-${nodeName}`, namespace: 'elsewhere', uid: `other-${nodeName}` },
      spec: { nodeName, containers: [{ resources: { limits: { 'nvidia.com/gpu': String(gpus) } } }] },
    }));
    const room = new RoomReader().read('n', ({ kind }) =>
      [...nodes, ...pods, ...others].filter((one) => one.kind === kind),
    );
    // Its GPUs are of no maker, or of both: who takes one of one's takes one of the other's.
    const taken = (asks: Amounts): number =>
      Object.values(gpuResources).reduce((sum, name) => sum + (asks[name] ?? 0), 0);
    return {
      ...room,
      pods: room.pods.map((pod) => ({ ...pod, asks: { ...pod.asks, ...both(taken(pod.asks)) } })),
    };
  }
}

function both<T>(amount: T): Record<string, T> {
  return Object.fromEntries(Object.values(gpuResources).map((name) => [name, amount]));
}

function nodeOf(pod: KubeObject): string | undefined {
  return (pod['spec'] as { nodeName?: string } | undefined)?.nodeName;
}

/** A new pod of a template, without a node. */
export function podOf({ metadata, spec }: Pick<KubeObject, 'metadata' | 'spec'>, number: number): KubeObject {
  const name = `pod-${String(number).padStart(5, '0')}`;
  const uid = `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`;
  const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no room' }];
  const { labels = {} } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'n', uid, labels, creationTimestamp: name },
    spec,
    status: { podIP: `10.0.0.${number}`, conditions },
  };
}

/** The pod has a node now, and its engine runs there. */
export function place(pod: KubeObject, nodeName: string, ready: boolean): void {
  pod['spec'] = { ...(pod['spec'] as object), nodeName };
  const conditions = [
    { type: 'PodScheduled', status: 'True' },
    { type: 'ContainersReady', status: 'True' },
    { type: 'Ready', status: ready ? 'True' : 'False' },
  ];
  pod['status'] = { ...(pod['status'] as object), conditions, containerStatuses: [{ started: true }] };
}
