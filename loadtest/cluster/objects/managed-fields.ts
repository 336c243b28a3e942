import { applyConflict, type Cause } from './api-error.ts';
import {
  fromFieldsV1,
  indexFields,
  mergeFields,
  removeFields,
  showField,
  toFieldsV1,
  type FieldPath,
  type Shape,
} from './field-sets.ts';
import type { JsonObject, KubeObject, ManagedFieldsEntry } from './object.ts';

/** Who writes, and through which door. */
export interface Writer {
  manager: string;
  apiVersion: string;
  /** ISO time of the write. */
  time: string;
  subresource?: 'status';
}

interface Share {
  entry: ManagedFieldsEntry;
  fields: Set<FieldPath>;
}

const unowned = /^f:(apiVersion|kind)$|^f:metadata\nf:(name|namespace|uid|resourceVersion|generation|generateName)$/;
const unownedToo = /^f:metadata\nf:(creationTimestamp|deletionTimestamp|deletionGracePeriodSeconds|managedFields)\b/;

function ownable(object: KubeObject, shape: Shape): Map<FieldPath, string> {
  const index = indexFields(object, shape);
  for (const path of index.keys()) if (unowned.test(path) || unownedToo.test(path)) index.delete(path);
  return index;
}

const sharesOf = (object: KubeObject | undefined): Share[] =>
  (object?.metadata.managedFields ?? []).map((entry) => ({ entry, fields: fromFieldsV1(entry.fieldsV1) }));

const isOf = (entry: ManagedFieldsEntry, writer: Writer, operation: string): boolean =>
  entry.manager === writer.manager && entry.operation === operation && entry.subresource === writer.subresource;

/**
 * Server-side apply: lays `config` over `live`, takes away what this manager applied before and now leaves out, and
 * records ownership. Algorithm: sigs.k8s.io/structured-merge-diff, `merge/update.go`, with one API version per kind.
 * @throws ApiError 409 naming manager and field when another manager holds a field that would change (unless `force`).
 */
export function applyFields(
  live: KubeObject | undefined,
  config: KubeObject,
  options: { shape: Shape; writer: Writer; force: boolean },
): KubeObject {
  const { shape, writer, force } = options;
  const shares = sharesOf(live);
  const wanted = ownable(config, shape);
  const before = live === undefined ? new Map<FieldPath, string>() : ownable(live, shape);
  const mine = shares.find(({ entry }) => isOf(entry, writer, 'Apply'));
  const others = shares.filter((share) => share !== mine);
  const changed = [...wanted].filter(([path, content]) => before.get(path) !== content).map(([path]) => path);
  const causes = others.flatMap((share) => conflictsWith(share, changed));
  if (causes.length > 0 && !force) throw applyConflict(causes);
  for (const { fields } of others) for (const path of changed) fields.delete(path);
  const dropped = [...(mine?.fields ?? [])].filter(
    (path) => !wanted.has(path) && !others.some(({ fields }) => fields.has(path)),
  );
  const merged = mergeFields(live ?? {}, stripped(config), shape) as KubeObject;
  const next = removeFields(merged, dropped) as KubeObject;
  return withShares(next, [...others, newShare(writer, 'Apply', { fields: new Set(wanted.keys()), before: mine })]);
}

/** Records that a plain write (create, replace, patch) changed fields: they now belong to its manager alone. */
export function trackUpdate(
  live: KubeObject | undefined,
  next: KubeObject,
  options: { shape: Shape; writer: Writer },
): KubeObject {
  const { shape, writer } = options;
  const before = live === undefined ? new Map<FieldPath, string>() : ownable(live, shape);
  const after = ownable(next, shape);
  const changed = [...after].filter(([path, content]) => before.get(path) !== content).map(([path]) => path);
  const shares = sharesOf(live);
  for (const { fields } of shares) {
    for (const path of changed) fields.delete(path);
    for (const path of fields) if (!after.has(path)) fields.delete(path);
  }
  const mine = shares.find(({ entry }) => isOf(entry, writer, 'Update'));
  const others = shares.filter((share) => share !== mine);
  const fields = new Set([...(mine?.fields ?? []), ...changed]);
  return withShares(next, [...others, newShare(writer, 'Update', { fields, before: mine })]);
}

function conflictsWith({ entry, fields }: Share, changed: FieldPath[]): Cause[] {
  const subresource = entry.subresource === undefined ? '' : ` with subresource "${entry.subresource}"`;
  const version = entry.operation === 'Apply' ? '' : ` using ${entry.apiVersion}`;
  const message = `conflict with "${entry.manager}"${subresource}${version}`;
  return changed
    .filter((path) => fields.has(path))
    .map((path) => ({ reason: 'FieldManagerConflict', message, field: showField(path) }));
}

function newShare(
  writer: Writer,
  operation: 'Apply' | 'Update',
  share: { fields: Set<FieldPath>; before: Share | undefined },
): Share {
  const { manager, apiVersion, time, subresource } = writer;
  const same = share.before !== undefined && sameSet(share.fields, fromFieldsV1(share.before.entry.fieldsV1));
  const at = same && share.before !== undefined ? share.before.entry.time : time;
  const entry: ManagedFieldsEntry = {
    manager,
    operation,
    apiVersion,
    time: at,
    fieldsType: 'FieldsV1',
    fieldsV1: {},
    ...(subresource === undefined ? {} : { subresource }),
  };
  return { entry, fields: share.fields };
}

const sameSet = (a: Set<FieldPath>, b: Set<FieldPath>): boolean => a.size === b.size && a.isSubsetOf(b);

function withShares(object: KubeObject, shares: Share[]): KubeObject {
  const managedFields = shares
    .filter(({ fields }) => fields.size > 0)
    .map(({ entry, fields }) => ({ ...entry, fieldsV1: toFieldsV1(fields) }))
    .toSorted((a, b) => orderOf(a).localeCompare(orderOf(b)));
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

const orderOf = ({ operation, time, manager }: ManagedFieldsEntry): string => `${operation} ${time} ${manager}`;

function stripped(config: KubeObject): JsonObject {
  const { managedFields: _m, uid: _u, resourceVersion: _r, ...metadata } = config.metadata;
  return { ...config, metadata };
}
