import type { QuarantineDocument } from '#shared/contract/infra.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { KubeKind } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ProofStep } from '../proof/proof-record.ts';

/** One object as it was seen: a write with these preconditions meets this object or none. */
export interface SeenObject {
  kind: KubeKind;
  name: string;
  namespace?: string | undefined;
  uid: string;
  resourceVersion: string;
}

/** A step on the objects of the endpoint. `apply` with a uid meets that object or none. */
export type ObjectStep = { why: string } & (
  | { kind: 'create-resource'; object: KubeObject; revision: number }
  /** With a uid or resourceVersion it meets the object that has it, or none. */
  | { kind: 'apply'; object: KubeObject; uid?: string; resourceVersion?: string }
  /** `Foreground`: it stays, marked, until what it owns is gone. */
  | { kind: 'delete'; seen: SeenObject; propagation?: 'Foreground' }
  | { kind: 'mark-pod'; seen: SeenObject; cost: number }
  | { kind: 'patch-status'; seen: SeenObject; status: object }
  | { kind: 'release-resource'; seen: SeenObject; finalizers: readonly string[] }
  | { kind: 'confirm-gone' }
);

/** A step on documents in NATS. */
export type DocumentStep = { why: string } & (
  | { kind: 'write-pool'; document: PoolDocument; expectedSeq: number }
  | { kind: 'remove-pool'; pool: string; vpcId: string; expectedSeq: number }
  | { kind: 'write-status'; status: StatusDocument; expectedSeq: number }
  | { kind: 'keep-quarantine'; quarantine: QuarantineDocument; expectedSeq: number }
  | { kind: 'remove-document'; subject: string; expectedSeq: number }
  | { kind: 'tell'; key: string; team: string; revision: number; type: string; message: string; hint: string }
);

/** One mutation, or a request for one, with the reason for it; what it acts on is its type. */
export type Step = ObjectStep | DocumentStep | ({ why: string } & ProofStep);
