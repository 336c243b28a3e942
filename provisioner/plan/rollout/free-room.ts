import { takes, type Amounts, type ClusterRoom, type NodeRoom, type PodWants } from '../../observe/room.ts';

/** What is left, by resource. */
type Rest = Record<string, number>;

/** What nodes have left beside their pods, and beside pods that wait for a node and will take the first that they fit. */
export class FreeRoom {
  readonly #nodes: readonly { node: NodeRoom; left: Rest }[];
  readonly #quotas: readonly Rest[];

  constructor({ nodes, pods, quotas, namespace }: ClusterRoom) {
    const byNode = Map.groupBy(pods, ({ node }) => node);
    this.#nodes = nodes.map((node) => ({ node, left: restOf(node.allocatable, byNode.get(node.name) ?? []) }));
    for (const waiting of byNode.get(undefined) ?? []) this.#place(waiting);
    const within = pods.filter((pod) => pod.namespace === namespace);
    this.#quotas = quotas.map((quota) => restOf(quota, within));
  }

  /** Books room for a pod of the namespace on the first node that takes it, and gives its name; undefined when none does. */
  place(wants: PodWants): string | undefined {
    const asked = Object.entries(wants.asks);
    const allowed = this.#quotas.every((left) => asked.every(([name, amount]) => amount <= (left[name] ?? Infinity)));
    if (!allowed) return undefined;
    const node = this.#place(wants);
    if (node !== undefined) for (const left of this.#quotas) take(left, wants);
    return node;
  }

  #place(wants: PodWants): string | undefined {
    const found = this.#nodes.find(({ node, left }) => takes(node, left, wants));
    if (found === undefined) return undefined;
    take(found.left, wants);
    return found.node.name;
  }
}

function restOf(all: Amounts, pods: readonly PodWants[]): Rest {
  const rest = { ...all };
  for (const pod of pods) take(rest, pod);
  return rest;
}

/** What is not named there is not there to be taken. */
function take(left: Rest, { asks }: PodWants): void {
  for (const [name, amount] of Object.entries(asks)) {
    const there = left[name];
    if (there !== undefined) left[name] = there - amount;
  }
}
