import { readStamp } from '#shared/contract/stream-stamp.ts';
import { streams } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { kindOf, kinds, type KubeKind } from '../kube/kinds.ts';
import type { KubeClient, Named } from '../kube/kube-client.ts';
import { isInvalid, isNotFound } from '../kube/kube-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { fenced } from '../manifests/endpoint-objects.ts';
import { fenceBinding, fencePolicy, resourceDefinition } from '../manifests/fence.ts';
import { sharedNamespace } from '../manifests/namespace.ts';
import { intentSeqOf, systemNamespace } from '../manifests/names.ts';
import { stampOf } from './cluster-stamp.ts';
import type { ClusterStep, ObservedCluster } from './plan-cluster.ts';

/** What a look at a cluster is made with. */
export interface ClusterSight {
  kube: Pick<KubeClient, 'get' | 'create' | 'patch' | 'apply'>;
  nats: Nats;
  region: string;
  vpcId: string;
  /** Wildcard of the endpoints' host names. */
  hosts: string;
  signal: AbortSignal;
}

/** Looks at what the endpoints of a cluster share. Reads only. @throws when the API server or NATS does not answer. */
export async function observeCluster(sight: ClusterSight, inForce: boolean): Promise<ObservedCluster> {
  const objects = [resourceDefinition(), fencePolicy(), fenceBinding()];
  const [namespace, ...shared] = await Promise.all([
    find(sight, kinds.namespace, sharedNamespace().metadata),
    ...objects.map((object) => find(sight, kindOf(object), object.metadata)),
  ]);
  // After the stamp, which names an earlier sequence: the stream only grows.
  const read = await readStream(sight);
  return {
    region: sight.region,
    ...read,
    namespace: namespace ?? null,
    shared: shared.filter((object) => object !== null),
    inForce,
  };
}

/** Every kind of the Gateway API and InferencePools of which an endpoint would have objects is served. */
export async function servesGatewayApi(sight: ClusterSight): Promise<boolean> {
  const served = await Promise.all(
    [kinds.gatewayClass, kinds.gateway, kinds.httpRoute, kinds.inferencePool].map((kind) => serves(sight, kind)),
  );
  return served.every(Boolean);
}

async function serves(sight: ClusterSight, { apiVersion, plural }: KubeKind): Promise<boolean> {
  const [group = '', wanted] = apiVersion.split('/');
  const found = await find(sight, kinds.customResourceDefinition, { name: `${plural}.${group}` });
  if (found === null) return false;
  const { versions } = found['spec'] as { versions: { name: string; served: boolean }[] };
  return isEstablished(found) && versions.some(({ name, served }) => name === wanted && served);
}

/** Greatest sequence that any custom resource was written for, from the API server itself; 0 without any. */
export async function readGreatestIntentSeq(kube: Pick<KubeClient, 'list'>, signal: AbortSignal): Promise<number> {
  try {
    const { items } = await kube.list(kinds.dedicatedInference, { signal });
    return Math.max(0, ...items.map(intentSeqOf));
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

/** Takes one step; a conflict means that somebody else was faster, and the next look sees what they did. */
export async function takeClusterStep({ kube, signal }: ClusterSight, step: ClusterStep): Promise<void> {
  switch (step.kind) {
    case 'stamp': {
      const annotations = stampOf(step.stamp);
      const shared = sharedNamespace();
      if (step.namespace === null) {
        await kube.create({ ...shared, metadata: { ...shared.metadata, annotations } }, { signal });
        return;
      }
      const { uid, resourceVersion } = step.namespace.metadata;
      const patch = { metadata: { uid, resourceVersion, annotations } };
      await kube.patch(kinds.namespace, { name: systemNamespace }, { patch, signal });
      return;
    }
    case 'apply':
      await kube.apply(step.object, { signal });
      return;
    case 'try-fence':
      return tryFence(kube, signal);
  }
}

/** Tries a step back on the shared namespace: only its refusal shows that the API server has taken the fence up. */
async function tryFence(kube: ClusterSight['kube'], signal: AbortSignal): Promise<void> {
  const { name } = resourceDefinition().metadata;
  const definition = await kube.get(kinds.customResourceDefinition, { name }, { signal });
  if (!isEstablished(definition)) throw new Error(`${name} is not established yet`);
  await kube.apply(fenced(sharedNamespace(), 2), { signal });
  try {
    await kube.apply(fenced(sharedNamespace(), 1), { signal });
  } catch (error) {
    if (isInvalid(error)) return;
    throw error;
  }
  throw new Error('the API server does not enforce the fence yet');
}

function isEstablished(definition: KubeObject): boolean {
  const status = definition['status'] as { conditions?: { type: string; status: string }[] } | undefined;
  return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
}

/** The object as it is, null where there is none. */
export async function find(
  { kube, signal }: Pick<ClusterSight, 'kube' | 'signal'>,
  kind: KubeKind,
  { namespace, name }: Named,
): Promise<KubeObject | null> {
  try {
    return await kube.get(kind, { namespace, name }, { signal });
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Streams that nobody has stamped are told apart by the moment of their creation. */
async function readStream({ nats, region }: ClusterSight): Promise<Pick<ObservedCluster, 'stream' | 'documents'>> {
  const { config, created, state } = await nats.jsm.streams.info(streams.desired.name);
  const stamp = readStamp(config.metadata) ?? { region, id: created, adoptedAt: 0 };
  return { stream: { ...stamp, lastSeq: state.last_seq }, documents: state.messages };
}
