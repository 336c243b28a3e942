import { freeRoom, type Rollout, type RolloutPod } from './rollout.ts';

/** What to do about replicas on nodes that take no new pods (`kubectl cordon`). */
interface MovePlan {
  /** Count of each wanted Deployment that this needs, in their order. */
  counts: readonly number[];
  /** Replicas that go once enough others are proven. */
  leaving: ReadonlySet<string>;
  /** Pools of which a replica has to move and no node has room for another. */
  stuck: ReadonlySet<string>;
}

/**
 * Moves replicas off closed nodes: others are added as far as open nodes have room, and as these are proven the ones on
 * closed nodes go, drained as in every scale-down. While templates change the rollout counts; there, too, those on closed
 * nodes go first. Pure.
 */
export function planMoves(rollout: Rollout): MovePlan {
  const { wanted, outdated, room } = rollout;
  const closed = new Set(room.nodes.filter(({ closed: isClosed }) => isClosed).map(({ name }) => name));
  const isOpen = ({ node }: RolloutPod): boolean => node === undefined || !closed.has(node);
  const leaving = new Set(wanted.flatMap(({ pods }) => pods.filter((pod) => !isOpen(pod)).map(({ id }) => id)));
  if (leaving.size === 0 || outdated.length > 0) return { counts: wanted.map(() => 0), leaving, stuck: new Set() };
  const free = freeRoom(rollout, () => true);
  const moves = wanted.map((group) => {
    const open = group.pods.filter(isOpen);
    const moving = group.pods.length - open.length;
    if (moving === 0) return { count: 0, stuck: false };
    const placed = open.filter(({ node }) => node !== undefined).length;
    const missing = Math.max(0, group.scale - placed);
    const places = Array.from({ length: missing }, () => free.place(group.wants)).filter((node) => node !== undefined);
    // As long as others are to be made or proven nobody goes: a shrinking ReplicaSet would take just these.
    const settled = places.length === 0 && open.every(({ ready }) => ready);
    const kept = settled ? Math.min(moving, Math.max(0, group.scale - open.length)) : moving;
    return { count: kept + Math.min(group.scale, placed + places.length), stuck: places.length < missing };
  });
  return {
    counts: moves.map(({ count }) => count),
    leaving,
    stuck: new Set(wanted.filter((_, index) => moves[index]?.stuck === true).map(({ pool }) => pool)),
  };
}
