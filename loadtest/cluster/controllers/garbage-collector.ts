import { builtin, type KindInfo } from '../objects/kinds.ts';
import type { KubeObject } from '../objects/object.ts';
import { crdFinalizer, foregroundFinalizer } from '../api/plan-delete.ts';
import type { Registry } from '../api/registry.ts';

const manager = 'garbage-collector';

interface Owned {
  kind: KindInfo;
  object: KubeObject;
}

/**
 * Deletes objects whose owners (by uid) are all gone, ends foreground deletions once no blocking dependent is left,
 * and takes custom objects away with their definition.
 */
export function collectGarbage(registry: Registry): void {
  const kinds = new Map(registry.kinds().map((kind) => [kind.id, kind]));
  const everything: Owned[] = [];
  for (const { kindId, object } of registry.store.all()) {
    const kind = kinds.get(kindId);
    if (kind !== undefined) everything.push({ kind, object });
  }
  const byUid = new Map(everything.map((one) => [one.object.metadata.uid, one.object]));
  for (const one of everything) {
    const owners = one.object.metadata.ownerReferences ?? [];
    if (owners.length === 0) continue;
    const live = owners.filter(({ uid }) => byUid.has(uid));
    const foreground = live.some(
      ({ uid, blockOwnerDeletion }) => blockOwnerDeletion === true && endsInForeground(byUid.get(uid)),
    );
    if (live.length === 0 || foreground) remove(registry, one, foreground);
  }
  for (const one of everything) if (endsInForeground(one.object)) endForeground(registry, one, everything);
  removeUndeclared(registry);
}

const endsInForeground = (object: KubeObject | undefined): boolean =>
  object?.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(foregroundFinalizer);

const targetOf = ({ kind, object }: Owned): { kind: KindInfo; namespace: string | undefined; name: string } => ({
  kind,
  namespace: object.metadata.namespace,
  name: object.metadata.name,
});

function remove(registry: Registry, one: Owned, foreground: boolean): void {
  const { uid, deletionTimestamp, name, namespace } = one.object.metadata;
  const live = registry.store.get(one.kind, namespace, name);
  if (deletionTimestamp !== undefined || live?.metadata.uid !== uid) return;
  const propagationPolicy = foreground ? 'Foreground' : 'Background';
  registry.delete(targetOf(one), { preconditions: { uid }, propagationPolicy });
}

function endForeground(registry: Registry, one: Owned, everything: Owned[]): void {
  const { uid } = one.object.metadata;
  const blocked = everything.some(({ kind, object }) => {
    const owners = object.metadata.ownerReferences ?? [];
    if (!owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true)) return false;
    return registry.store.get(kind, object.metadata.namespace, object.metadata.name) !== undefined;
  });
  if (!blocked) release(registry, one, foregroundFinalizer);
}

/** A definition that is deleted takes its objects with it before it goes. */
function removeUndeclared(registry: Registry): void {
  const crds = builtin('apiextensions.k8s.io/customresourcedefinitions');
  for (const crd of registry.store.list(crds)) {
    if (crd.metadata.deletionTimestamp === undefined) continue;
    const kind = registry.kindDeclaredBy(crd);
    for (const object of registry.store.list(kind)) remove(registry, { kind, object }, false);
    if (registry.store.list(kind).length === 0) release(registry, { kind: crds, object: crd }, crdFinalizer);
  }
}

function release(registry: Registry, one: Owned, finalizer: string): void {
  const without = (live: KubeObject): KubeObject => {
    const finalizers = (live.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    return { ...live, metadata: { ...live.metadata, finalizers } };
  };
  registry.update(targetOf(one), without, { manager });
}
