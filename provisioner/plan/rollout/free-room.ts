import { less, takes, type Amounts, type ClusterRoom, type NodeRoom, type PodWants } from '../../observe/room.ts';

/** What nodes have left beside their pods, and beside pods that wait for a node and will take the first that they fit. */
export class FreeRoom {
  readonly #nodes: { node: NodeRoom; left: Amounts }[];
  #quotas: Amounts[];

  constructor({ nodes, pods, quotas, namespace }: ClusterRoom) {
    const byNode = Map.groupBy(pods, ({ node }) => node);
    this.#nodes = nodes.map((node) => {
      const left = (byNode.get(node.name) ?? []).reduce((rest, { asks }) => less(rest, asks), node.allocatable);
      return { node, left };
    });
    for (const waiting of byNode.get(undefined) ?? []) this.#place(waiting);
    const within = pods.filter((pod) => pod.namespace === namespace);
    this.#quotas = quotas.map((quota) => within.reduce((rest, { asks }) => less(rest, asks), quota));
  }

  /** Books room for a pod of the namespace on the first node that takes it, and gives its name; undefined when none does. */
  place(wants: PodWants): string | undefined {
    const asked = Object.entries(wants.asks);
    const allowed = this.#quotas.every((left) => asked.every(([name, amount]) => amount <= (left[name] ?? Infinity)));
    if (!allowed) return undefined;
    const node = this.#place(wants);
    if (node !== undefined) this.#quotas = this.#quotas.map((left) => less(left, wants.asks));
    return node;
  }

  #place(wants: PodWants): string | undefined {
    const found = this.#nodes.find(({ node, left }) => takes(node, left, wants));
    if (found === undefined) return undefined;
    found.left = less(found.left, wants.asks);
    return found.node.name;
  }
}
