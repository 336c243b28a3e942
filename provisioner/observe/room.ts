import type { KubeObject } from '../kube/kube-object.ts';
import { kinds, type KubeKind } from '../kube/kinds.ts';
import { endpointOf } from '../manifests/names.ts';

/** Amounts of resources by name, in their base units: cores of `cpu`, bytes of `memory`, whole `nvidia.com/gpu`. */
export type Amounts = Readonly<Record<string, number>>;

/** A node, as far as it decides which pods it takes. */
export interface NodeRoom {
  name: string;
  labels: Readonly<Record<string, string>>;
  /** It takes no new pods at all. */
  closed: boolean;
  taints: readonly Taint[];
  allocatable: Amounts;
}

interface Taint {
  key?: string;
  value?: string;
  effect?: string;
}

interface Toleration extends Taint {
  operator?: string;
}

/** What a pod asks of the node that takes it. */
export interface PodWants {
  asks: Amounts;
  nodeSelector: Readonly<Record<string, string>>;
  tolerations: readonly Toleration[];
}

/** A pod of anybody that takes room, or waits for some. */
export interface RoomPod extends PodWants {
  /** Its uid. */
  id: string;
  namespace: string;
  /** Undefined while no node has been chosen. */
  node: string | undefined;
  /** It was marked for deletion: its room becomes free. */
  going: boolean;
}

/** What a cluster has room for in a namespace: all nodes, all pods that have not ended, and what quotas leave it. */
export interface ClusterRoom {
  nodes: readonly NodeRoom[];
  pods: readonly RoomPod[];
  namespace: string;
  /** What pods of the namespace may ask for together, by each quota that somebody else has put there. */
  quotas: readonly Amounts[];
}

/** The parts of a node that are read. */
interface NodeParts {
  spec?: { unschedulable?: boolean; taints?: Taint[] };
  status?: { allocatable?: Record<string, string> };
}

interface Container {
  restartPolicy?: string;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
}

/** The parts of a pod that are read. */
interface PodParts {
  spec?: {
    nodeName?: string;
    nodeSelector?: Record<string, string>;
    tolerations?: Toleration[];
    containers?: Container[];
    initContainers?: Container[];
    overhead?: Record<string, string>;
  };
  status?: { phase?: string };
}

/** The parts of a quota that are read. */
interface QuotaParts {
  hard?: Record<string, string>;
  scopes?: unknown;
  scopeSelector?: unknown;
}

/** Reads nodes and pods as they bear on each other; what was read of an object is remembered as long as it lives. */
export class RoomReader {
  readonly #nodes = new WeakMap<KubeObject, NodeRoom>();
  readonly #pods = new WeakMap<KubeObject, RoomPod>();

  /** What a namespace has room for, by all objects of a kind; our own quotas leave room for what we make. */
  read(namespace: string, all: (kind: KubeKind) => readonly KubeObject[]): ClusterRoom {
    const pods = all(kinds.pod).filter(
      (pod) => !['Failed', 'Succeeded'].includes((pod as PodParts).status?.phase ?? ''),
    );
    const quotas = all(kinds.resourceQuota).filter((quota) => quota.metadata.namespace === namespace);
    return {
      namespace,
      nodes: all(kinds.node).map((node) => remembered(this.#nodes, node, readNode)),
      pods: pods.map((pod) => remembered(this.#pods, pod, readPod)),
      quotas: quotas.filter((quota) => endpointOf(quota) === undefined).map(readQuota),
    };
  }
}

function remembered<T>(known: WeakMap<KubeObject, T>, object: KubeObject, read: (object: KubeObject) => T): T {
  const before = known.get(object);
  if (before !== undefined) return before;
  const now = read(object);
  known.set(object, now);
  return now;
}

function readNode(node: KubeObject): NodeRoom {
  const { spec, status } = node as NodeParts;
  const allocatable = amountsOf(status?.allocatable);
  const { name, labels = {} } = node.metadata;
  return { name, labels, closed: spec?.unschedulable === true, taints: spec?.taints ?? [], allocatable };
}

function readPod(pod: KubeObject): RoomPod {
  const { uid = '', namespace = '', deletionTimestamp } = pod.metadata;
  const node = (pod as PodParts).spec?.nodeName;
  return { id: uid, namespace, node, going: deletionTimestamp !== undefined, ...wantsOf(pod['spec']) };
}

/** What a quota lets pods ask for; those that look at some pods only, or at limits, are not heeded. */
function readQuota(quota: KubeObject): Amounts {
  const { hard = {}, scopes, scopeSelector } = (quota['spec'] ?? {}) as QuotaParts;
  if (scopes !== undefined || scopeSelector !== undefined) return {};
  const named = Object.entries(hard).map(([name, amount]) => [
    name.replace(/^(requests\.|count\/(?=pods$))/, ''),
    amount,
  ]);
  return amountsOf(Object.fromEntries(named));
}

/**
 * What a pod of this spec asks for: its containers together, or its first steps where these ask for more. `defaults` is
 * what its namespace gives to a container that does not say. Source: Kubernetes `resource.PodRequests`. Pure.
 */
export function wantsOf(podSpec: unknown, defaults: Readonly<Record<string, string>> = {}): PodWants {
  const { nodeSelector = {}, tolerations = [], ...spec } = (podSpec ?? {}) as NonNullable<PodParts['spec']>;
  const asksOf = ({ resources }: Container): Amounts =>
    amountsOf({ ...defaults, ...resources?.limits, ...resources?.requests });
  const first = spec.initContainers ?? [];
  const beside = first.filter(({ restartPolicy }) => restartPolicy === 'Always').map(asksOf);
  const running = [...(spec.containers ?? []).map(asksOf), ...beside].reduce(sum, {});
  const greatest = first.map(asksOf).reduce((most, asks) => merged(most, asks, Math.max), running);
  return { asks: sum(sum(greatest, amountsOf(spec.overhead)), { pods: 1 }), nodeSelector, tolerations };
}

function sum(a: Amounts, b: Amounts): Amounts {
  return merged(a, b, (x, y) => x + y);
}

function merged(a: Amounts, b: Amounts, join: (x: number, y: number) => number): Amounts {
  const result: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) result[name] = join(result[name] ?? 0, amount);
  return result;
}

/** True when a node that has this much left may take the pod. Source: Kubernetes' scheduler plugins of the same names. */
export function takes(node: NodeRoom, left: Amounts, { asks, nodeSelector, tolerations }: PodWants): boolean {
  if (node.closed || Object.entries(nodeSelector).some(([key, value]) => node.labels[key] !== value)) return false;
  const barred = node.taints.some(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((one) => tolerates(one, taint)),
  );
  // Binary fractions of cores add up to a little more than they are.
  return !barred && Object.entries(asks).every(([name, amount]) => amount <= (left[name] ?? 0) + 1e-6);
}

function tolerates({ key, operator, value = '', effect }: Toleration, taint: Taint): boolean {
  if (key !== undefined && key !== '' && key !== taint.key) return false;
  if (effect !== undefined && effect !== '' && effect !== taint.effect) return false;
  return operator === 'Exists' || value === (taint.value ?? '');
}

function amountsOf(quantities: Readonly<Record<string, string>> = {}): Amounts {
  return Object.fromEntries(Object.entries(quantities).map(([name, text]) => [name, quantity(String(text))]));
}

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A quantity as a number; one that cannot be read is 0, another tenant's pod stops nobody. */
function quantity(text: string): number {
  const [, digits = '', suffix = ''] = /^([\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})$/.exec(text) ?? [];
  return Number(digits) * (factors[suffix] ?? 0) || 0;
}
