import { invalid } from '../objects/api-error.ts';
import type { KindInfo } from '../objects/kinds.ts';
import { at, isObject, type KubeObject, type ObjectMeta } from '../objects/object.ts';

export type Subresource = 'status' | undefined;

/** The metadata and initial status of a new object; what a client sends of them does not count. */
export function newborn(kind: KindInfo, object: KubeObject, birth: { uid: string; now: string }): KubeObject {
  const { deletionTimestamp: _d, deletionGracePeriodSeconds: _g, ...given } = object.metadata;
  const counted = kind.group !== '' || kind.id === '/pods';
  const metadata: ObjectMeta = {
    ...given,
    uid: birth.uid,
    creationTimestamp: birth.now,
    ...(counted ? { generation: 1 } : {}),
  };
  const { status, ...rest } = object;
  const born = { ...rest, metadata } as KubeObject;
  if (!kind.hasStatus && status !== undefined) born.status = status;
  if (kind.id === '/pods') born.status = { phase: 'Pending' };
  if (kind.id === '/namespaces') {
    born.metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
    born.spec = { ...object.spec, finalizers: ['kubernetes'] };
    born.status = { phase: 'Active' };
  }
  if (kind.id === 'apiextensions.k8s.io/customresourcedefinitions') born.status = acceptedAtOnce(born, birth.now);
  return born;
}

function acceptedAtOnce(crd: KubeObject, now: string): NonNullable<KubeObject['status']> {
  const condition = (type: string, reason: string) => ({ type, status: 'True', reason, lastTransitionTime: now });
  const conditions = [condition('NamesAccepted', 'NoConflicts'), condition('Established', 'InitialNamesAccepted')];
  return { conditions, acceptedNames: at(crd.spec, 'names') ?? {} };
}

const fixedFields = [
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'resourceVersion',
] as const;

/** What a write makes of the live object: `/status` changes status alone, the main door everything else. */
export function throughDoor(
  kind: KindInfo,
  live: KubeObject,
  write: { wanted: KubeObject; subresource: Subresource },
): KubeObject {
  const { wanted, subresource } = write;
  if (subresource === 'status') return wanted.status === undefined ? { ...live } : { ...live, status: wanted.status };
  const metadata: ObjectMeta = { ...wanted.metadata, name: live.metadata.name };
  for (const field of [...fixedFields, 'namespace'] as const) {
    delete metadata[field];
    if (live.metadata[field] !== undefined) Object.assign(metadata, { [field]: live.metadata[field] });
  }
  const next: KubeObject = { ...wanted, apiVersion: live.apiVersion, kind: live.kind, metadata };
  if (!kind.hasStatus) return next;
  delete next.status;
  return live.status === undefined ? next : { ...next, status: live.status };
}

/** An apply owns only what its door can change. */
export function configForDoor(kind: KindInfo, config: KubeObject, subresource: Subresource): KubeObject {
  const { status, ...rest } = config;
  if (subresource === undefined) return (kind.hasStatus ? rest : config) as KubeObject;
  const { name, namespace } = config.metadata;
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return { apiVersion: config.apiVersion, kind: config.kind, metadata, ...(isObject(status) ? { status } : {}) };
}

/** @throws ApiError 422: what is being deleted takes no new finalizers. */
export function refuseNewFinalizers(kind: KindInfo, live: KubeObject, next: KubeObject): void {
  const before = live.metadata.finalizers ?? [];
  const added = (next.metadata.finalizers ?? []).filter((name) => !before.includes(name));
  if (live.metadata.deletionTimestamp === undefined || added.length === 0) return;
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found ${added.join(', ')}`;
  throw invalid(kind, live.metadata.name, [{ reason: 'FieldValueForbidden', message, field: 'metadata.finalizers' }]);
}

/** True when an object that is being deleted has nothing left that holds it. */
export function isEnded(kind: KindInfo, { metadata, spec }: KubeObject): boolean {
  const held = (metadata.finalizers ?? []).length > 0 || (metadata.deletionGracePeriodSeconds ?? 0) > 0;
  const content = kind.id === '/namespaces' ? at(spec, 'finalizers') : undefined;
  return metadata.deletionTimestamp !== undefined && !held && !(Array.isArray(content) && content.length > 0);
}
