import { FreeRoom } from './free-room.ts';
import type { ClusterRoom, PodWants } from '../../observe/room.ts';

/** A pod of a Deployment that is not going yet. */
export interface RolloutPod {
  id: string;
  /** Undefined while no node has been chosen. */
  node: string | undefined;
  /** It is proven, and routers send it requests. */
  ready: boolean;
  /** It is being drained. */
  draining: boolean;
}

/** Replicas that are to run: one Deployment of the spec. */
export interface WantedReplicas {
  pool: string;
  scale: number;
  /** Count of its Deployment; 0 while there is none. */
  count: number;
  pods: readonly RolloutPod[];
  wants: PodWants;
}

/** Replicas that are to go: a Deployment that no group of the spec runs on any more. */
export interface OutdatedReplicas {
  pool: string;
  count: number;
  /** In the order in which they would go. */
  pods: readonly RolloutPod[];
  /** The live spec runs on it. */
  live: boolean;
  /** Its follower only has a newer template of the same: that is worth no replica less. */
  renewed: boolean;
}

/** Everything that decides how replicas take the place of others. */
export interface Rollout {
  wanted: readonly WantedReplicas[];
  outdated: readonly OutdatedReplicas[];
  /** Replicas of each pool in the spec that is live. */
  live: ReadonlyMap<string, number>;
  room: ClusterRoom;
  /** Requests for a pool may be held while its one replica is exchanged. */
  mayHold: boolean;
}

/** What to do now. */
export interface RolloutPlan {
  /** Count of each wanted Deployment, in their order. */
  counts: readonly number[];
  /** Nodes that have room for the replicas that are added to each of them. */
  places: readonly (readonly string[])[];
  /** Count of each outdated Deployment, and its pods that are to go. */
  kept: readonly number[];
  leaving: ReadonlySet<string>;
  /** Pools of which nobody will be left to answer: their requests are held. */
  held: ReadonlySet<string>;
  /** Not all that is wanted has room beside what is there. */
  short: boolean;
}

/**
 * The next move of a rollout, from what is there. Replicas are added as far as there is room for them beside everybody's
 * pods. If all have room the old ones stay until every new one is proven. Otherwise they go as new ones are proven; and
 * when nothing new has room or is on its way, just as many of them go as make room for one: at most one replica fewer than
 * the smaller of both specs asks for is ready meanwhile, none only where there was one and its requests are held. What
 * does not serve may go at any time. Pure.
 */
export function planRollout(rollout: Rollout): RolloutPlan {
  const { wanted, outdated } = rollout;
  if (outdated.length === 0) return unhindered(wanted);
  const { counts, places } = grow(rollout);
  const missing = wanted.map(({ scale, pods }, index) => scale - placed(pods) - (places[index]?.length ?? 0));
  const leaving = new Set<string>();
  for (const old of outdated) for (const pod of surplus(old, rollout, missing)) leaving.add(pod);
  const blocked = wanted.filter((group, index) => (missing[index] ?? 0) > 0 && followsAnybody(group, rollout));
  if (blocked.length > 0 && places.every((nodes) => nodes.length === 0))
    for (const pod of makeRoom(blocked, rollout, leaving)) leaving.add(pod);
  const kept = outdated.map((old) => {
    const followers = followersOf(old, rollout);
    if (followers.every(isProven)) return 0;
    // What is not there yet serves nobody and would take the room.
    const yields = !old.renewed && followers.some((group) => blocked.includes(group));
    return yields || old.pods.some(({ id }) => leaving.has(id))
      ? old.pods.filter(({ id }) => !leaving.has(id)).length
      : old.count;
  });
  const held = outdated.filter((old) => isEmptied(old, rollout, leaving)).map(({ pool }) => pool);
  return { counts, places, kept, leaving, held: new Set(held), short: blocked.length > 0 };
}

/** Nobody has to go: what is wanted is made at once, and no room is looked for. */
function unhindered(wanted: readonly WantedReplicas[]): RolloutPlan {
  const nobody = new Set<string>();
  const counts = wanted.map(({ scale }) => scale);
  return { counts, places: wanted.map(() => []), kept: [], leaving: nobody, held: nobody, short: false };
}

/** True when the rollout would come to its end in the room that there is, if every new replica came up. Pure. */
export function comesAbout(rollout: Rollout): boolean {
  const settled = rollout.room.pods.filter(({ going }) => !going);
  let state: Rollout = { ...rollout, room: { ...rollout.room, pods: settled } };
  for (;;) {
    const plan = planRollout(state);
    if (!plan.short) return true;
    if (plan.leaving.size === 0 && plan.places.every((nodes) => nodes.length === 0)) return false;
    state = played(state, plan);
  }
}

/** The state after a move, with every new replica proven. */
function played(state: Rollout, { places, leaving }: RolloutPlan): Rollout {
  const added = places.map((nodes, index) =>
    nodes.map((node, at) => ({
      id: `${index}/${state.wanted[index]?.pods.length}/${at}`,
      node,
      ready: true,
      draining: false,
    })),
  );
  const wanted = state.wanted.map((group, index) => {
    const waiting = group.pods.filter(({ node }) => node === undefined).slice(added[index]?.length ?? 0);
    const there = group.pods.filter(({ node }) => node !== undefined).map((pod) => ({ ...pod, ready: true }));
    const pods = [...there, ...(added[index] ?? []), ...waiting];
    return { ...group, count: Math.max(group.count, pods.length), pods };
  });
  const outdated = state.outdated.map((old) => ({ ...old, pods: old.pods.filter(({ id }) => !leaving.has(id)) }));
  const { namespace } = state.room;
  const booked = state.wanted.flatMap(({ wants }, index) =>
    (added[index] ?? []).map((pod) => ({ ...wants, ...pod, namespace, going: false })),
  );
  const pods = [...state.room.pods.filter(({ id }) => !leaving.has(id)), ...booked];
  return { ...state, wanted, outdated, room: { ...state.room, pods } };
}

/** Counts grow at once where nothing has to go for it, else as far as there is room now. */
function grow(rollout: Rollout): Pick<RolloutPlan, 'counts' | 'places'> {
  const { wanted } = rollout;
  const free = freeRoom(rollout, () => true);
  const places = wanted.map((): string[] => []);
  // Those who wait for nobody are made at once, so the room that they will take is not free.
  const limited = wanted.map((group) => followsAnybody(group, rollout));
  const order = [...wanted.keys()].toSorted((a, b) => Number(limited[a]) - Number(limited[b]));
  for (const index of order) {
    const group = wanted[index];
    for (let missing = group === undefined ? 0 : group.scale - placed(group.pods); missing > 0; missing -= 1) {
      const node = group && free.place(group.wants);
      if (node === undefined) break;
      places[index]?.push(node);
    }
  }
  const counts = wanted.map((group, index) => {
    const { scale, count, pods } = group;
    if (limited[index] !== true) return scale;
    return Math.min(scale, Math.max(count, placed(pods) + (places[index]?.length ?? 0)));
  });
  return { counts, places };
}

/**
 * What goes because it is followed: everything once all followers are proven, or what is more than the live spec asks for.
 * What waits for a node, or has never served in a spec that was given up, is of no use to anybody.
 */
function surplus(old: OutdatedReplicas, rollout: Rollout, missing: readonly number[]): string[] {
  const followers = followersOf(old, rollout);
  if (followers.every(isProven)) return old.pods.map(({ id }) => id);
  const useless = old.renewed ? [] : old.pods.filter((pod) => isUseless(pod, old)).map(({ id }) => id);
  const haveRoom = followers.every((group) => (missing[rollout.wanted.indexOf(group)] ?? 0) <= 0);
  if (haveRoom || old.renewed) return useless;
  const needed = (rollout.live.get(old.pool) ?? 0) - readyIn(followers);
  const others = rollout.outdated.slice(0, rollout.outdated.indexOf(old)).filter(({ pool }) => pool === old.pool);
  const kept = Math.max(0, needed - readyIn(others));
  // Who is drained already goes first, and is not taken back for another in its place.
  const serving = old.pods.filter((pod) => pod.ready || pod.draining);
  return [...useless, ...serving.slice(0, Math.max(0, serving.length - kept)).map(({ id }) => id)];
}

function isUseless({ node, ready, draining }: RolloutPod, { live }: OutdatedReplicas): boolean {
  return node === undefined || !(live || ready || draining);
}

/**
 * The fewest outdated pods without which one of the replicas that have no room would have it, on top of those that leave
 * already; none when there will be room without, or none that may go are enough.
 */
function makeRoom(blocked: readonly WantedReplicas[], rollout: Rollout, leaving: ReadonlySet<string>): string[] {
  const stays = (gone: ReadonlySet<string>) => (id: string, going: boolean) => !going && !gone.has(id);
  const fits = (group: WantedReplicas, gone: ReadonlySet<string>): boolean =>
    freeRoom(rollout, stays(gone)).place(group.wants) !== undefined;
  if (blocked.some((group) => fits(group, leaving))) return [];
  const following = rollout.wanted.filter((group) => followsAnybody(group, rollout));
  const idle = following.flatMap(({ pods }) => pods).every((pod) => pod.ready || pod.node === undefined);
  for (const group of blocked) {
    const olds = rollout.outdated.filter((old) => !old.renewed && followersOf(old, rollout).includes(group));
    const gone = new Set(leaving);
    const there = olds.flatMap(({ pods }) => pods).filter(({ id }) => !leaving.has(id));
    for (const { id } of there.filter((pod) => !pod.ready)) {
      gone.add(id);
      if (fits(group, gone)) return [...gone];
    }
    if (!idle) continue;
    const nodes = new Set(there.map(({ node }) => node));
    const enough = [...nodes].flatMap((node) => {
      const pods = sparedOn(node, { olds, rollout, leaving });
      const upTo = pods.findIndex((_, at) => fits(group, new Set([...gone, ...pods.slice(0, at + 1)])));
      return upTo < 0 ? [] : [pods.slice(0, upTo + 1)];
    });
    const fewest = enough.toSorted((a, b) => a.length - b.length)[0];
    if (fewest !== undefined) return [...gone, ...fewest];
  }
  return [];
}

/** Pods on a node that serve and may go now, in order: of each pool as many as are ready above what it must keep. */
function sparedOn(
  node: string | undefined,
  { olds, rollout, leaving }: { olds: readonly OutdatedReplicas[]; rollout: Rollout; leaving: ReadonlySet<string> },
): string[] {
  return [...Map.groupBy(olds, ({ pool }) => pool)].flatMap(([pool, same]) => {
    const serving = same.flatMap(({ pods }) => pods).filter((pod) => pod.ready && !leaving.has(pod.id));
    const spare = serving.length + readyIn(followersOf({ pool }, rollout)) - fewestReady({ pool }, rollout);
    const here = serving.filter((pod) => pod.node === node);
    return here.slice(0, Math.max(0, spare)).map(({ id }) => id);
  });
}

/** So many of a pool are ready at any moment of the rollout, unless they fail by themselves. */
function fewestReady({ pool }: Pick<OutdatedReplicas, 'pool'>, rollout: Rollout): number {
  const asked = followersOf({ pool }, rollout).reduce((sum, { scale }) => sum + scale, 0);
  const needed = Math.min(rollout.live.get(pool) ?? 0, asked);
  return needed === 1 && !rollout.mayHold ? 1 : Math.max(0, needed - 1);
}

/** Serving pods leave, and nobody who serves is left. */
function isEmptied(old: OutdatedReplicas, rollout: Rollout, leaving: ReadonlySet<string>): boolean {
  const all = rollout.outdated.filter(({ pool }) => pool === old.pool).flatMap(({ pods }) => pods);
  const serving = all.filter((pod) => pod.ready);
  return (
    (rollout.live.get(old.pool) ?? 0) > 0 &&
    serving.length > 0 &&
    readyIn(followersOf(old, rollout)) === 0 &&
    serving.every(({ id }) => leaving.has(id))
  );
}

/** A pool that the spec no longer has is followed by all that it has now. */
function followersOf({ pool }: Pick<OutdatedReplicas, 'pool'>, { wanted }: Rollout): readonly WantedReplicas[] {
  const followers = wanted.filter((group) => group.pool === pool);
  return followers.length > 0 ? followers : wanted;
}

function isProven(group: WantedReplicas): boolean {
  return readyIn([group]) >= group.scale;
}

function followsAnybody(group: WantedReplicas, rollout: Rollout): boolean {
  return rollout.outdated.some((old) => old.count + old.pods.length > 0 && followersOf(old, rollout).includes(group));
}

/** Pods of the groups that no node has taken yet are what room is looked for, so they take none. */
export function freeRoom({ room, wanted }: Rollout, stays: (id: string, going: boolean) => boolean): FreeRoom {
  const own = new Set(wanted.flatMap(({ pods }) => pods.flatMap(({ id, node }) => (node === undefined ? [id] : []))));
  return new FreeRoom({ ...room, pods: room.pods.filter(({ id, going }) => !own.has(id) && stays(id, going)) });
}

function readyIn(groups: readonly { pods: readonly RolloutPod[] }[]): number {
  return groups.flatMap(({ pods }) => pods).filter((pod) => pod.ready).length;
}

function placed(pods: readonly RolloutPod[]): number {
  return pods.filter(({ node }) => node !== undefined).length;
}
