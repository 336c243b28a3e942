import { conflict, invalid, type ApiError } from '../objects/api-error.ts';
import type { KindInfo } from '../objects/kinds.ts';
import type { KubeObject, ObjectMeta } from '../objects/object.ts';
import type { DeleteOptions } from './plan-delete.ts';

/** An update that names a uid or a resourceVersion is meant for exactly that state. @throws ApiError 409. */
export function checkUpdate(kind: KindInfo, live: KubeObject, { uid, resourceVersion }: ObjectMeta): void {
  const { name } = live.metadata;
  if (uid !== undefined && uid !== live.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`;
    throw conflict(kind, name, why);
  }
  if (resourceVersion === undefined || resourceVersion === live.metadata.resourceVersion) return;
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  throw conflict(kind, name, why);
}

/**
 * The same for a server-side apply, as kube-apiserver 1.37 does it: another uid is 422 on an object that is there and
 * 409 when there is none; a resourceVersion is a 409 on another state and means nothing when there is no object.
 */
export function checkApply(
  kind: KindInfo,
  live: KubeObject | undefined,
  { uid, name, resourceVersion }: ObjectMeta,
): void {
  if (live === undefined && uid !== undefined)
    throw conflict(
      kind,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  if (live === undefined) return;
  if (uid !== undefined && uid !== live.metadata.uid)
    throw immutable(kind, name, { field: 'metadata.uid', value: uid });
  checkUpdate(kind, live, { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) });
}

/** @throws ApiError 409 when the object is not the one, or not in the state, that the delete is meant for. */
export function checkDelete(kind: KindInfo, live: KubeObject, { preconditions = {} }: DeleteOptions): void {
  const { name, uid, resourceVersion } = live.metadata;
  const wrong = (what: string, wanted: string, found = ''): ApiError =>
    conflict(kind, name, `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found})`);
  if (preconditions.uid !== undefined && preconditions.uid !== uid) throw wrong('UID', preconditions.uid, uid);
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion)
    throw wrong('ResourceVersion', preconditions.resourceVersion, resourceVersion);
}

export function immutable(kind: KindInfo, name: string, { field, value }: { field: string; value?: string }): ApiError {
  const shown = value === undefined ? '' : ` ${JSON.stringify(value)}:`;
  return invalid(kind, name, [
    { reason: 'FieldValueInvalid', message: `Invalid value:${shown} field is immutable`, field },
  ]);
}
