import { less, takes, type Amounts, type ClusterRoom, type NodeRoom, type PodWants } from '../../observe/room.ts';

/** What nodes have left beside their pods, and beside pods that wait for a node and will take the first that they fit. */
export class FreeRoom {
  readonly #nodes: { node: NodeRoom; left: Amounts }[];

  constructor({ nodes, pods }: ClusterRoom) {
    const byNode = Map.groupBy(pods, ({ node }) => node);
    this.#nodes = nodes.map((node) => {
      const left = (byNode.get(node.name) ?? []).reduce((rest, { asks }) => less(rest, asks), node.allocatable);
      return { node, left };
    });
    for (const waiting of byNode.get(undefined) ?? []) this.place(waiting);
  }

  /** Books room for a pod on the first node that takes it, and gives its name; undefined when none does. */
  place(wants: PodWants): string | undefined {
    const found = this.#nodes.find(({ node, left }) => takes(node, left, wants));
    if (found === undefined) return undefined;
    found.left = less(found.left, wants.asks);
    return found.node.name;
  }
}
