import type { KubeObject, OwnerReference } from '../objects/object.ts';

/** The reference by which a controller owns what it makes. */
export function ownerReference({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name, uid = '' } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    ({ uid, controller }) => uid === owner.metadata.uid && controller === true,
  );
}
