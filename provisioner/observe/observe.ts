import type { Clock } from '#shared/runtime/clock.ts';
import { open } from '#shared/runtime/seal.ts';
import type { Caches } from './caches.ts';
import { viewPod } from './pod-view.ts';
import type { DesiredEntry, DesiredMap } from '../desired/desired-map.ts';
import type { EndpointDocuments } from '../desired/documents.ts';
import type { DrainRegistry } from '../drain/drain-registry.ts';
import type { DrainQuestion } from '../drain/decide-drain.ts';
import { kinds } from '../kube/kinds.ts';
import type { ObservedState, PermanentFailure } from './observed-state.ts';
import type { ProofDesk } from '../proof/proof-desk.ts';

/** Where observations come from. */
export interface Observers {
  desired: DesiredMap;
  documents: EndpointDocuments;
  caches: Caches;
  drains: Pick<DrainRegistry, 'gates' | 'listeners' | 'silence'>;
  proofs: Pick<ProofDesk, 'outcomes' | 'since'>;
  clock: Clock;
  vpcId: string;
  /** Opens sealed secrets; null on a provisioner without a key. */
  sealPrivateKey: string | null;
}

/** Looks at everything that concerns one endpoint. Reads only. @throws when NATS does not answer. */
export async function observe(
  observers: Observers,
  endpointId: string,
  failure: PermanentFailure | null,
): Promise<ObservedState> {
  const { caches, documents, drains, proofs, clock, vpcId } = observers;
  const desired = await readWish(observers, endpointId);
  const [status, pools] = await Promise.all([documents.status(endpointId), documents.pools(vpcId, endpointId)]);
  const token = await openToken(observers, desired);
  const revision = desired.kind === 'absent' ? 0 : desired.revision;
  const listeners = drains.listeners();
  return {
    endpointId,
    desired,
    status,
    resource: caches.objects(kinds.dedicatedInference, endpointId)[0] ?? null,
    namespace: caches.objects(kinds.namespace, endpointId)[0] ?? null,
    children: caches.children(endpointId),
    pods: caches.objects(kinds.pod, endpointId).map(viewPod),
    pools,
    gates: drains.gates(endpointId, questionsOf(pools)),
    proofs: proofs.outcomes(endpointId),
    proofsSince: proofs.since(endpointId),
    listeners: { public: unique(listeners.public), private: unique(listeners.private) },
    silence: drains.silence(),
    failure: token.failure === undefined ? failure : { revision, ...token.failure },
    renew: false,
    huggingFaceToken: token.value,
    now: clock.now(),
  };
}

/** What nobody has told of may be news that has not arrived: before anything is swept the stream itself is asked. */
async function readWish({ desired, documents, vpcId }: Observers, endpointId: string): Promise<DesiredEntry> {
  const known = desired.get(endpointId);
  const entry = known.kind === 'absent' ? await documents.desired(endpointId) : known;
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
  if (desired.kind !== 'spec' || desired.spec.sealedHuggingFaceToken === undefined) return {};
  if (desired.spec.deletion !== undefined) return {};
  try {
    if (sealPrivateKey === null) throw new Error('this provisioner has no private key');
    return { value: await open(desired.spec.sealedHuggingFaceToken, desired.spec.endpointId, sealPrivateKey) };
  } catch (error) {
    const message = `The Hugging Face token cannot be opened: ${error instanceof Error ? error.message : String(error)}.`;
    const hint = 'Send the token again; if that does not help, the keys of API and provisioner do not fit together.';
    return { failure: { reason: 'SecretUnreadable', message, hint } };
  }
}

function unique(urls: readonly string[]): string[] {
  return [...new Set(urls)].toSorted();
}
