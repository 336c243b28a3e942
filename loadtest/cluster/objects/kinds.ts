import { at, type KubeObject } from './object.ts';
import { notServed, type KindName } from './api-error.ts';
import type { Shape } from './field-sets.ts';
import { crdShape, readCrdSchema, type CrdSchema } from './crd-schema.ts';
import { builtinShape } from './builtin-shape.ts';

/** What the server knows of one kind. */
export interface KindInfo extends KindName {
  /** Where its objects are stored: `group/plural`. */
  id: string;
  version: string;
  namespaced: boolean;
  /** Status is written through `/status` only. */
  hasStatus: boolean;
  /** How lists and maps merge in a server-side apply. */
  shape: Shape;
  /** Kinds that a CustomResourceDefinition declared. */
  schema?: CrdSchema;
}

/** `group/version kind plural scope [status]`; the core group has no name. */
const rows = [
  '/v1 Namespace namespaces cluster status',
  '/v1 Node nodes cluster status',
  '/v1 Pod pods namespaced status',
  '/v1 Service services namespaced status',
  '/v1 ServiceAccount serviceaccounts namespaced',
  '/v1 Secret secrets namespaced',
  '/v1 ConfigMap configmaps namespaced',
  '/v1 ResourceQuota resourcequotas namespaced status',
  '/v1 LimitRange limitranges namespaced',
  '/v1 Event events namespaced',
  'apps/v1 Deployment deployments namespaced status',
  'apps/v1 ReplicaSet replicasets namespaced status',
  'policy/v1 PodDisruptionBudget poddisruptionbudgets namespaced status',
  'networking.k8s.io/v1 NetworkPolicy networkpolicies namespaced',
  'apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions cluster status',
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy validatingadmissionpolicies cluster status',
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cluster',
];

function readRow(row: string): KindInfo {
  const [groupVersion = '', kind = '', plural = '', scope, status] = row.split(' ');
  const [group = '', version = ''] = groupVersion.split('/');
  const flags = { namespaced: scope === 'namespaced', hasStatus: status === 'status' };
  return { id: `${group}/${plural}`, group, version, kind, plural, ...flags, shape: builtinShape };
}

/** The closed table of built-in kinds, by storage id. */
export const builtinKinds: ReadonlyMap<string, KindInfo> = new Map(rows.map(readRow).map((info) => [info.id, info]));

/** A built-in kind that must exist, such as `builtin('apps/deployments')`. */
export function builtin(id: string): KindInfo {
  const info = builtinKinds.get(id);
  if (info === undefined) throw new Error(`There is no built-in kind "${id}"; see kinds.ts for the table.`);
  return info;
}

export const apiVersionOf = (kind: KindInfo): string =>
  kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;

/**
 * The kind that a CustomResourceDefinition declares.
 * @throws ApiError 501 for several versions, conversion, or schema keywords that are not served.
 */
export function kindOfCrd(crd: KubeObject): KindInfo {
  const versions = at(crd.spec, 'versions');
  const version = Array.isArray(versions) && versions.length === 1 ? versions[0] : undefined;
  if (version === undefined) throw notServed('a CustomResourceDefinition with other than exactly one version');
  const text = (...path: string[]): string => String(at(crd.spec, ...path) ?? '');
  const schema = readCrdSchema(at(version, 'schema', 'openAPIV3Schema'));
  const [group, plural] = [text('group'), text('names', 'plural')];
  return {
    id: `${group}/${plural}`,
    group,
    version: String(at(version, 'name')),
    kind: text('names', 'kind'),
    plural,
    namespaced: text('scope') === 'Namespaced',
    hasStatus: at(version, 'subresources', 'status') !== undefined,
    schema,
    shape: crdShape(schema),
  };
}
