/** The part of `metadata` that the provisioner reads and writes; unknown fields are kept as they came. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  [field: string]: unknown;
}

/** An owner: the garbage collector deletes the object when its last owner is gone. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Any Kubernetes object as plain JSON. Nothing is dropped: a newer server's fields survive a read. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** True for anything with `metadata`: objects, lists and bookmarks (which have no name). */
export function isKubeObject(value: unknown): value is KubeObject {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false;
  return typeof value.metadata === 'object' && value.metadata !== null;
}

/** Identity inside one kind: `namespace/name`, or `/name` for a cluster-scoped object. */
export function objectKey(object: { metadata: { namespace?: string; name: string } }): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/**
 * Orders two resource versions of one resource type: negative when `a` is older. An absent or unreadable version is
 * older than any other. Source: KEP-5504 (comparable resource versions, Kubernetes 1.35).
 */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  const left = versionNumber(a);
  const right = versionNumber(b);
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function versionNumber(version: string | undefined): bigint {
  return version !== undefined && /^\d+$/.test(version) ? BigInt(version) : -1n;
}
