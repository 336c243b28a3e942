import { apiVersionOf, type KindInfo } from './kinds.ts';
import type { JsonObject } from './object.ts';
import type { Registry } from './registry.ts';

/** The documents by which clients such as kubectl learn what is served; undefined for every other path. */
export function discover(registry: Registry, path: string): JsonObject | undefined {
  const kinds = registry.kinds();
  if (path === '/version') return { major: '1', minor: '37', gitVersion: 'v1.37.2-fairway', platform: 'embedded' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') {
    const groups = new Map(kinds.filter((kind) => kind.group !== '').map((kind) => [kind.group, kind]));
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: [...groups.values()].map(groupOf) };
  }
  const match = /^\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path);
  const served = kinds.filter((kind) => kind.group === (match?.[1] ?? '') && kind.version === match?.[2]);
  const [first] = served;
  if (match === null || first === undefined) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf(first),
    resources: served.map(({ plural, kind, namespaced }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    })),
  };
}

function groupOf(kind: KindInfo): JsonObject {
  const version = { groupVersion: apiVersionOf(kind), version: kind.version };
  return { name: kind.group, versions: [version], preferredVersion: version };
}
