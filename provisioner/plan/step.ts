import type { PoolDocument } from '#shared/contract/replica.ts';
import type { KubeKind } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** One object as it was seen: a write with these preconditions meets this object or none. */
export interface SeenObject {
  kind: KubeKind;
  name: string;
  namespace?: string | undefined;
  uid: string;
  resourceVersion: string;
}

/** A proof to be asked for; the desk that does so ignores what it already knows. */
export interface ProofStep {
  kind: 'prove';
  key: string;
  pool: string;
  specRevision: number;
  replicaId: string | null;
  host: string;
  /** Routers that may be asked, one after the other; not empty. */
  listenerUrls: readonly string[];
  model: string;
  /** Successes up to this moment do not count any more, milliseconds since the epoch; absent = every one counts. */
  staleAt?: number;
}

/** One mutation, or a request for one, with the reason for it. `apply` with a uid meets that object or none. */
export type Step = { why: string } & (
  | { kind: 'create-resource'; object: KubeObject; revision: number }
  | { kind: 'apply'; object: KubeObject; uid?: string }
  | { kind: 'delete'; seen: SeenObject }
  | { kind: 'mark-pod'; seen: SeenObject; cost: number }
  | { kind: 'write-pool'; document: PoolDocument; expectedSeq: number }
  | { kind: 'remove-pool'; pool: string; vpcId: string; expectedSeq: number }
  | { kind: 'release-resource'; seen: SeenObject; finalizers: readonly string[] }
  | { kind: 'confirm-gone' }
  | { kind: 'tell'; key: string; team: string; revision: number; type: string; message: string }
  | ProofStep
);
