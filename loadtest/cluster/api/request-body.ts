import { z } from 'zod';
import { badRequest, invalid, notServed } from '../objects/api-error.ts';
import { apiVersionOf, type KindInfo } from '../objects/kinds.ts';
import type { DeleteOptions } from './plan-delete.ts';
import { isObject, type Json, type KubeObject } from '../objects/object.ts';
import { numberParam } from '../objects/selectors.ts';

const namePattern = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const strings = z.record(z.string(), z.string());
const metadataSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  labels: strings.optional(),
  annotations: strings.optional(),
  finalizers: z.array(z.string()).optional(),
  ownerReferences: z
    .array(z.looseObject({ apiVersion: z.string(), kind: z.string(), name: z.string(), uid: z.string() }))
    .optional(),
});

/**
 * Reads an object out of a request and completes its name and namespace from the path.
 * @throws ApiError 400 when kind, version, name or namespace differ from the path's, or metadata is malformed.
 */
export function readObject(
  kind: KindInfo,
  body: Json,
  place: { namespace?: string | undefined; name?: string },
): KubeObject {
  if (!isObject(body)) throw badRequest('The body must be an object.');
  const { apiVersion = apiVersionOf(kind), kind: kindName = kind.kind } = body;
  if (apiVersion !== apiVersionOf(kind) || kindName !== kind.kind)
    throw badRequest(
      `The body is ${String(apiVersion)} ${String(kindName)}, the path ${apiVersionOf(kind)} ${kind.kind}.`,
    );
  const given = isObject(body['metadata']) ? body['metadata'] : {};
  const cleaned = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const result = metadataSchema.safeParse({ ...(place.name === undefined ? {} : { name: place.name }), ...cleaned });
  if (!result.success) throw badRequest(`metadata: ${z.prettifyError(result.error)}`);
  const metadata = result.data as KubeObject['metadata'];
  if (place.name !== undefined && metadata.name !== place.name)
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${place.name})`);
  if (!namePattern.test(metadata.name)) {
    const message = `Invalid value: ${JSON.stringify(metadata.name)}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`;
    throw invalid(kind, metadata.name, [{ reason: 'FieldValueInvalid', message, field: 'metadata.name' }]);
  }
  if (kind.namespaced && metadata.namespace !== undefined && metadata.namespace !== place.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (kind.namespaced && place.namespace !== undefined) metadata.namespace = place.namespace;
  if (!kind.namespaced) delete metadata.namespace;
  return { ...body, apiVersion, kind: kindName, metadata };
}

const deleteOptions = z.looseObject({
  preconditions: z.strictObject({ uid: z.string().optional(), resourceVersion: z.string().optional() }).optional(),
  propagationPolicy: z.enum(['Background', 'Foreground', 'Orphan']).optional(),
  gracePeriodSeconds: z.int().min(0).optional(),
});

/** @throws ApiError 400 for malformed options, 501 for orphaning and dry runs. */
export function readDeleteOptions(body: Json, query: URLSearchParams): DeleteOptions {
  const result = deleteOptions.safeParse(body);
  if (!result.success) throw badRequest(`DeleteOptions: ${z.prettifyError(result.error)}`);
  const { preconditions, gracePeriodSeconds = numberParam(query, 'gracePeriodSeconds') } = result.data;
  const propagationPolicy = result.data.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  if (propagationPolicy === 'Orphan' || result.data['dryRun'] !== undefined)
    throw notServed('a delete that orphans or runs dry');
  const foreground = propagationPolicy === 'Foreground' ? ('Foreground' as const) : ('Background' as const);
  return { preconditions, gracePeriodSeconds, propagationPolicy: foreground };
}
