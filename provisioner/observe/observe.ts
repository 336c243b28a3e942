import { groupsOf } from '#shared/contract/time-to-ready.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { open } from '#shared/runtime/seal.ts';
import type { Caches } from './caches.ts';
import { viewPod } from './pod-view.ts';
import { clientSealInfo } from '#shared/contract/desired.ts';
import type { DesiredEntry, DesiredMap } from '../desired/desired-map.ts';
import type { EndpointDocuments } from '../desired/documents.ts';
import type { PastChanges } from '../desired/past-changes.ts';
import type { DrainRegistry } from '../drain/drain-registry.ts';
import type { DrainQuestion } from '../drain/decide-drain.ts';
import { kinds } from '../kube/kinds.ts';
import type { ObservedState, PermanentFailure } from './observed-state.ts';
import type { ProofDesk } from '../proof/proof-desk.ts';
import { intentSeqOf } from '../manifests/names.ts';

/** Where observations come from. */
export interface Observers {
  desired: DesiredMap;
  documents: EndpointDocuments;
  proofs: Pick<ProofDesk, 'outcomes' | 'since'>;
  pastChanges: Pick<PastChanges, 'near'>;
  clock: Clock;
  /** Opens sealed secrets; null on a provisioner without a key. */
  sealPrivateKey: string | null;
}

/** The cluster in which an endpoint is looked at. */
export interface Place {
  vpcId: string;
  caches: Caches;
  drains: Pick<DrainRegistry, 'gates' | 'listeners' | 'loads' | 'silence'>;
  /** Endpoints whose turn it is to get new pod templates. */
  renewing: ReadonlySet<string>;
}

/** Looks at everything that concerns one endpoint. Reads only. @throws when NATS does not answer. */
export async function observe(observers: Observers, place: Place, endpointId: string): Promise<ObservedState> {
  const { documents, proofs, pastChanges, clock } = observers;
  const { vpcId, caches, drains } = place;
  const [status, pools] = await Promise.all([documents.status(endpointId), documents.pools(vpcId, endpointId)]);
  const resource = caches.objects(kinds.dedicatedInference, endpointId)[0] ?? null;
  const namespace = caches.objects(kinds.namespace, endpointId)[0] ?? null;
  const children = caches.children(endpointId);
  const objects = [...(resource === null ? [] : [resource]), ...(namespace === null ? [] : [namespace]), ...children];
  const newestSeq = Math.max(
    status.document?.observedRevision ?? 0,
    ...objects.map(intentSeqOf),
    ...[...pools.values()].map(({ document }) => document?.specRevision ?? 0),
  );
  const desired = await readDesired(observers, { vpcId, endpointId, newestSeq });
  const unknown = desired.kind === 'absent';
  const token = await openToken(observers, desired);
  const listeners = drains.listeners();
  const pods = caches.objects(kinds.pod, endpointId).map(viewPod);
  return {
    endpointId,
    vpcId,
    desired,
    status,
    resource,
    namespace,
    gatewayApi: caches.of(kinds.httpRoute) !== undefined,
    children,
    pods,
    room: caches.room(endpointId),
    pools,
    gates: drains.gates(endpointId, questionsOf(pools)),
    loads: drains.loads(pods.map(({ replicaId }) => replicaId)),
    proofs: proofs.outcomes(endpointId),
    proofsSince: proofs.since(endpointId),
    listeners: { public: unique(listeners.public), private: unique(listeners.private) },
    silence: drains.silence(),
    newestSeq,
    quarantine: unknown ? await documents.quarantine(vpcId, endpointId) : { document: null, seq: 0 },
    word: unknown ? await documents.word(vpcId, endpointId) : { document: null, seq: 0 },
    failure: token.failure === undefined ? null : { revision: unknown ? 0 : desired.revision, ...token.failure },
    pastChanges: desired.kind === 'spec' ? pastChanges.near(desired.spec.team, groupsOf(desired.spec.deployments)) : [],
    renew: place.renewing.has(endpointId),
    huggingFaceToken: token.value,
    now: clock.now(),
  };
}

/**
 * What nobody has told of may be news that has not arrived, and a spec that is older than what was made from it is not the
 * newest: then the stream itself is asked.
 */
async function readDesired(
  { desired, documents }: Observers,
  { vpcId, endpointId, newestSeq }: { vpcId: string; endpointId: string; newestSeq: number },
): Promise<DesiredEntry> {
  const known = desired.get(endpointId);
  const doubtful = known.kind === 'absent' || known.revision < newestSeq;
  const entry = doubtful ? await documents.desired(endpointId) : known;
  if (entry.kind !== 'spec' || entry.spec.vpcId === vpcId) return entry;
  return { kind: 'parked', revision: entry.revision, reason: 'it belongs to another VPC' };
}

function questionsOf(pools: ObservedState['pools']): DrainQuestion[] {
  return [...pools.values()].flatMap(({ document, seq: edgeRevision }) =>
    (document?.replicas ?? []).flatMap(({ replicaId, state, drainDeadline: deadline }) =>
      state === 'draining' && deadline !== undefined ? [{ replicaId, edgeRevision, deadline }] : [],
    ),
  );
}

interface OpenedToken {
  value?: string;
  failure?: Omit<PermanentFailure, 'revision'>;
}

async function openToken({ sealPrivateKey }: Observers, desired: DesiredEntry): Promise<OpenedToken> {
  if (desired.kind !== 'spec' || desired.spec.deletion !== undefined) return {};
  const { sealedHuggingFaceToken: sealed } = desired.spec;
  if (sealed === undefined) return {};
  try {
    if (sealPrivateKey === null) throw new Error('this provisioner has no private key');
    const { spec } = desired;
    const info = sealed.by === 'client' ? clientSealInfo(spec) : spec.endpointId;
    return { value: await open(sealed, info, sealPrivateKey) };
  } catch (error) {
    const message = `The Hugging Face token cannot be opened: ${error instanceof Error ? error.message : String(error)}.`;
    const hint = 'Send the token again; if that does not help, the keys of API and provisioner do not fit together.';
    return { failure: { reason: 'SecretUnreadable', message, hint } };
  }
}

function unique(urls: readonly string[]): string[] {
  return [...new Set(urls)].toSorted();
}
