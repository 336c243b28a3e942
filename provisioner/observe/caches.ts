import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { kinds, type KubeKind } from '../kube/kinds.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Change } from '../kube/object-store.ts';
import { startReflector, type Reflector, type ReflectorEvent } from '../kube/reflector.ts';
import { endpointOf, intentSeqOf, labels, namespaceName } from '../manifests/names.ts';
import { RoomReader, type ClusterRoom } from './room.ts';

/** Kinds that every cluster has; of most only objects with an endpoint's label are watched. */
const watched = [
  kinds.dedicatedInference,
  kinds.namespace,
  kinds.node,
  kinds.pod,
  kinds.deployment,
  kinds.service,
  kinds.serviceAccount,
  kinds.secret,
  kinds.resourceQuota,
  kinds.limitRange,
  kinds.networkPolicy,
  kinds.podDisruptionBudget,
] as const;

/** Kinds of which everybody's objects are watched: they say what the cluster has room for. */
const ofEverybody: ReadonlySet<KubeKind> = new Set([kinds.node, kinds.pod, kinds.resourceQuota]);

/** Kinds of an endpoint that not every cluster serves. */
const optional = [kinds.httpRoute, kinds.inferencePool] as const;

/** Local copies of every object of an endpoint: with its label, its names and its owner. */
export interface Caches extends AsyncDisposable {
  /** Watches the kinds of the Gateway API from now on, or no longer. Nobody waits for their first lists. */
  followGatewayApi(served: boolean): Promise<void>;
  /** The reflector of a kind; undefined for kinds that are not watched, or that not every cluster has and are unread yet. */
  of(kind: KubeKind): Reflector | undefined;
  /** Every reflector by its kind's name. */
  reflectors(): Record<string, Reflector>;
  /** Objects of one kind of an endpoint. */
  objects(kind: KubeKind, endpointId: string): KubeObject[];
  /** Nodes, everybody's pods on them, and what quotas of others leave an endpoint. */
  room(endpointId: string): ClusterRoom;
  /** Namespaced objects of an endpoint, pods left out. */
  children(endpointId: string): KubeObject[];
  /** True when any object of the endpoint is there. */
  has(endpointId: string): boolean;
  /** Every endpoint of which any object is there. */
  endpoints(): Set<string>;
  /** Greatest sequence that any custom resource was written for; 0 without any. */
  greatestIntentSeq(): number;
  /** Resolves when every first list of a kind that each cluster has is read. @throws the signal's reason. */
  synced(signal: AbortSignal): Promise<void>;
}

/** Starts one reflector per kind. */
export function startCaches(options: {
  client: Pick<KubeClient, 'list' | 'watch'>;
  clock: Clock;
  log: Logger;
  /** Gets the endpoint of each object that changed. */
  onWake: (endpointId: string) => void;
  /** Gives the listener of one kind's reflector. */
  onEvent?: (kind: string) => (event: ReflectorEvent) => void;
}): Caches {
  const { client, clock, log, onWake } = options;
  const wake = (change: Change): void => {
    const object = change.type === 'deleted' ? change.old : change.new;
    const endpointId = endpointOf(object);
    if (endpointId !== undefined) onWake(endpointId);
  };
  const start = (kind: KubeKind): Reflector =>
    startReflector({
      client,
      kind,
      clock,
      log,
      ...(!ofEverybody.has(kind) && { labelSelector: labels.endpoint }),
      indexBy: endpointOf,
      onChange: kind === kinds.node ? (change) => endpointsOn(change, all(kinds.pod)).forEach(onWake) : wake,
      // Half a minute of back-off after an outage would be most of what an endpoint may be behind.
      bounds: { backoffMaxMs: 5000 },
      ...(options.onEvent && { onEvent: options.onEvent(kind.kind) }),
    });
  const reflectors = new Map<KubeKind, Reflector>(watched.map((kind) => [kind, start(kind)]));
  const all = (kind: KubeKind): KubeObject[] => reflectors.get(kind)?.store.list() ?? [];
  const roomReader = new RoomReader();
  const objects = (kind: KubeKind, endpointId: string): KubeObject[] =>
    reflectors.get(kind)?.store.indexed(endpointId) ?? [];
  /** What may not be read, for want of a right, is as if the cluster did not have it: endpoints go on without. */
  const gatewayApi = (): boolean => optional.every((kind) => reflectors.get(kind)?.lastSeenAt !== undefined);
  const known = (): KubeKind[] => [...watched, ...(gatewayApi() ? optional : [])];
  return {
    followGatewayApi: (served) => follow(reflectors, served ? start : null),
    of: (kind) => (known().includes(kind) ? reflectors.get(kind) : undefined),
    reflectors: () => Object.fromEntries([...reflectors].map(([{ kind }, reflector]) => [kind, reflector])),
    objects,
    room: (endpointId) => roomReader.read(namespaceName(endpointId), all),
    children: (endpointId) =>
      known()
        .filter((kind) => kind.namespaced && kind.kind !== kinds.pod.kind)
        .flatMap((kind) => objects(kind, endpointId)),
    has: (endpointId) => [...reflectors.values()].some(({ store }) => store.indexed(endpointId).length > 0),
    endpoints: () => {
      const found = [...reflectors.values()].flatMap(({ store }) => store.list().map(endpointOf));
      return new Set(found.filter((endpointId) => endpointId !== undefined));
    },
    greatestIntentSeq: () => Math.max(0, ...all(kinds.dedicatedInference).map(intentSeqOf)),
    async synced(signal) {
      const needed = watched.flatMap((kind) => reflectors.get(kind) ?? []);
      await Promise.all(needed.map((reflector) => reflector.synced(signal)));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...reflectors.values()].map((reflector) => reflector[Symbol.asyncDispose]()));
    },
  };
}

/** Endpoints with replicas on a node that was closed, which have to move, or was opened again, where they may stay. */
function endpointsOn(change: Change, pods: readonly KubeObject[]): Set<string> {
  if (change.type !== 'changed' || isClosed(change.old) === isClosed(change.new)) return new Set();
  const there = pods.filter((pod) => nodeOf(pod) === change.new.metadata.name);
  return new Set(there.flatMap((pod) => endpointOf(pod) ?? []));
}

function isClosed({ spec }: KubeObject): boolean {
  return (spec as { unschedulable?: boolean } | undefined)?.unschedulable === true;
}

function nodeOf({ spec }: KubeObject): string | undefined {
  return (spec as { nodeName?: string } | undefined)?.nodeName;
}

/** Starts or ends (null) the reflectors of the optional kinds. */
async function follow(
  reflectors: Map<KubeKind, Reflector>,
  start: ((kind: KubeKind) => Reflector) | null,
): Promise<void> {
  const running = optional.flatMap((kind) => reflectors.get(kind) ?? []);
  if (running.length > 0 === (start !== null)) return;
  for (const kind of optional)
    if (start === null) reflectors.delete(kind);
    else reflectors.set(kind, start(kind));
  await Promise.all(running.map((reflector) => reflector[Symbol.asyncDispose]()));
}
