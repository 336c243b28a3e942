import { builtin } from '../objects/kinds.ts';
import { at, isObject, type KubeObject } from '../objects/object.ts';
import type { Registry } from '../api/registry.ts';
import type { Pod } from '../objects/workloads.ts';
import { setCondition, writeStatus } from './conditions.ts';
import { recordEvent } from './events.ts';

type Amounts = Record<string, number>;
export type Placement = { node: string } | { reason: string };

/** Binds waiting pods to nodes, oldest first; says in the pod's status why it waits. */
export function schedulePods(registry: Registry): void {
  const pods = registry.store.list(builtin('/pods')) as Pod[];
  const bound = pods.filter((pod) => pod.spec.nodeName !== undefined);
  const waiting = pods
    .filter((pod) => pod.spec.nodeName === undefined && pod.metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));
  const nodes = registry.store.list(builtin('/nodes'));
  for (const pod of waiting) {
    const placement = placePod(pod, nodes, bound);
    const now = registry.now();
    const status = pod.status ?? {};
    if ('node' in placement) {
      registry.bind(pod, placement.node, setCondition(status, { type: 'PodScheduled', status: 'True' }, now));
      bound.push({ ...pod, spec: Object.assign({}, pod.spec, { nodeName: placement.node }) });
      continue;
    }
    const refused = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: placement.reason,
    } as const;
    const write = { status: setCondition(status, refused, now), manager: 'scheduler' };
    writeStatus(registry, { kind: builtin('/pods'), object: pod }, write);
    recordEvent(registry, pod, { type: 'Warning', reason: 'FailedScheduling', message: placement.reason });
  }
}

/** Picks the node with the most room for what the pod asks; else the reason, worded as kube-scheduler words it. */
export function placePod(pod: Pod, nodes: KubeObject[], bound: Pod[]): Placement {
  if (nodes.length === 0) return { reason: 'no nodes available to schedule pods' };
  const asked = requestsOf(pod);
  const problems = new Map<string, number>();
  let best: { node: string; room: number } | undefined;
  for (const node of nodes) {
    const free = freeOn(node, bound);
    const short = Object.keys(asked).filter((name) => (free[name] ?? 0) < (asked[name] ?? 0));
    const found = refusal(pod, node) ?? short.map((name) => `Insufficient ${name}`);
    for (const problem of found) problems.set(problem, (problems.get(problem) ?? 0) + 1);
    if (found.length > 0) continue;
    const room = Object.keys(asked).reduce((sum, name) => sum + (free[name] ?? 0) / (asked[name] || 1), 0);
    if (best === undefined || room > best.room) best = { node: node.metadata.name, room };
  }
  if (best !== undefined) return { node: best.node };
  const list = [...problems].map(([problem, count]) => `${count} ${problem}`).toSorted();
  return { reason: `0/${nodes.length} nodes are available: ${list.join(', ')}.` };
}

function refusal(pod: Pod, node: KubeObject): string[] | undefined {
  const { labels = {} } = node.metadata;
  if (node.spec?.['unschedulable'] === true) return ['node(s) were unschedulable'];
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (!wanted.every(([key, value]) => labels[key] === value))
    return ["node(s) didn't match Pod's node affinity/selector"];
  const taints = Array.isArray(node.spec?.['taints']) ? node.spec['taints'] : [];
  const untolerated = taints.filter((taint) => at(taint, 'effect') !== 'PreferNoSchedule' && !tolerates(pod, taint));
  return untolerated.length > 0 ? ['node(s) had untolerated taint(s)'] : undefined;
}

function tolerates(pod: Pod, taint: unknown): boolean {
  const { key, value, effect } = isObject(taint) ? taint : {};
  return (pod.spec.tolerations ?? []).some(
    (one) =>
      (one.key === undefined || one.key === key) &&
      (one['operator'] === 'Exists' || (one.value ?? '') === (value ?? '')) &&
      (one['effect'] === undefined || one['effect'] === effect),
  );
}

function freeOn(node: KubeObject, bound: Pod[]): Amounts {
  const free: Amounts = {};
  const allocatable = at(node.status, 'allocatable');
  if (isObject(allocatable))
    for (const [name, amount] of Object.entries(allocatable)) free[name] = quantity(String(amount));
  for (const pod of bound) {
    const over = ['Succeeded', 'Failed'].includes(String(pod.status?.['phase']));
    if (over || pod.spec.nodeName !== node.metadata.name) continue;
    for (const [name, amount] of Object.entries(requestsOf(pod))) free[name] = (free[name] ?? 0) - amount;
  }
  return free;
}

/** What a pod takes from its node; limits count where no request is made. Every pod takes one of `pods`. */
function requestsOf(pod: Pod): Amounts {
  const total: Amounts = { pods: 1 };
  for (const { resources } of pod.spec.containers)
    for (const [name, amount] of Object.entries({ ...resources.limits, ...resources.requests }))
      total[name] = (total[name] ?? 0) + quantity(amount);
  return total;
}

const factors: Record<string, number> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity as a number: `500m`, `8`, `64Gi`. */
export function quantity(text: string): number {
  const match = /^([\d.]+)([A-Za-z]*)$/.exec(text);
  return match === null
    ? Number.NaN
    : Number(match[1]) * (match[2] === '' ? 1 : (factors[match[2] ?? ''] ?? Number.NaN));
}
