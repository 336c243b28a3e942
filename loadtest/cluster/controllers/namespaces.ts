import { builtin } from '../objects/kinds.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Registry } from '../api/registry.ts';

const manager = 'namespace-controller';

/** Gives every namespace its `default` ServiceAccount, empties those that end, and lets empty ones go. */
export function finalizeNamespaces(registry: Registry): void {
  const kind = builtin('/namespaces');
  for (const namespace of registry.store.list(kind)) {
    const { name, deletionTimestamp } = namespace.metadata;
    if (deletionTimestamp === undefined) ensureServiceAccount(registry, name);
    else if (deleteContent(registry, name) === 0 && namespace.spec?.['finalizers'] !== undefined)
      registry.update({ kind, name }, withoutSpecFinalizers, { manager });
  }
}

function withoutSpecFinalizers(live: KubeObject): KubeObject {
  return { ...live, spec: { ...live.spec, finalizers: [] } };
}

function ensureServiceAccount(registry: Registry, namespace: string): void {
  const kind = builtin('/serviceaccounts');
  if (registry.store.get(kind, namespace, 'default') !== undefined) return;
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
  registry.create(kind, account, { manager });
}

/** Deletes what is left in a namespace; gives the number of objects that are still there. */
function deleteContent(registry: Registry, namespace: string): number {
  let left = 0;
  for (const kind of registry.kinds().filter(({ namespaced }) => namespaced)) {
    for (const object of registry.store.list(kind, namespace)) {
      const { name, deletionTimestamp } = object.metadata;
      const waiting = deletionTimestamp !== undefined || !registry.delete({ kind, namespace, name }, {}).gone;
      if (waiting) left += 1;
    }
  }
  return left;
}
