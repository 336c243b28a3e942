import type { KubeObject } from '../kube/kube-object.ts';
import type { QuarantineDocument, WordDocument } from '#shared/contract/infra.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { PastChange, StatusDocument } from '#shared/contract/status.ts';
import type { PodView } from './pod-view.ts';
import type { ClusterRoom } from './room.ts';
import type { ReplicaLoad } from '../drain/replica-loads.ts';
import type { DrainVerdict } from '../drain/decide-drain.ts';
import { endpointPrefix, proofKeys, type ProofRecord } from '../proof/proof-record.ts';
import type { DesiredEntry, Sequenced } from '../desired/desired-map.ts';

/** A change that cannot succeed however often it is tried. */
export interface PermanentFailure {
  revision: number;
  reason: string;
  message: string;
  hint: string;
}

/** Everything that is known of one endpoint at one moment, as plain data: what deciders decide on. */
export interface ObservedState {
  endpointId: string;
  /** The VPC in whose cluster it was looked at. */
  vpcId: string;
  desired: DesiredEntry;
  status: Sequenced<StatusDocument>;
  /** The custom resource. */
  resource: KubeObject | null;
  namespace: KubeObject | null;
  /** The cluster serves the Gateway API and InferencePools. */
  gatewayApi: boolean;
  /** Namespaced objects with the endpoint's label, pods left out. */
  children: readonly KubeObject[];
  pods: readonly PodView[];
  /** Nodes of the cluster and everybody's pods on them. */
  room: ClusterRoom;
  pools: ReadonlyMap<string, Sequenced<PoolDocument>>;
  /** By replica id, for replicas that drain in their pool's document. */
  gates: ReadonlyMap<string, DrainVerdict>;
  /** What replicas would be missed for, by replica id; absent = not known. */
  loads: ReadonlyMap<string, ReplicaLoad>;
  /** By proof key, see `proofKeys`; absent = not asked yet or under way. */
  proofs: ReadonlyMap<string, ProofRecord>;
  /** Since when this process remembers the endpoint's proofs, milliseconds since the epoch. */
  proofsSince: number;
  /** Addresses of routers, without repetition. */
  listeners: { public: readonly string[]; private: readonly string[] };
  /** What to say while no router at all is heard, else null. */
  silence: string | null;
  /** Greatest revision that any object or document of the endpoint was written for; 0 without any. */
  newestSeq: number;
  /** Of an endpoint that `DESIRED` does not know: what `infra` and an operator say of it. */
  quarantine: Sequenced<QuarantineDocument>;
  word: Sequenced<WordDocument>;
  failure: PermanentFailure | null;
  /** How long changes took, of this and other endpoints, as far as they say something about this one. */
  pastChanges: readonly PastChange[];
  /** It is the endpoint's turn to get the pod templates that this build writes. */
  renew: boolean;
  huggingFaceToken: string | undefined;
  now: number;
}

/** Keys of the successes that still say something: of pods that are there, and of the endpoint as it is now. */
export function currentSuccesses({ desired, status, pods, proofs }: ObservedState): string[] {
  const revision = desired.kind === 'absent' ? 0 : desired.revision;
  const prefix = endpointPrefix({ revision, lifecycleSeq: status.document?.lifecycleSeq ?? 0 });
  const replicas = new Set(pods.map(proofKeys.replica));
  return [...proofs].flatMap(([key, { ok }]) => (ok && (replicas.has(key) || key.startsWith(prefix)) ? [key] : []));
}
