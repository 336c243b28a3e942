import { z } from 'zod';
import { ApiError, notServed, type Cause } from './api-error.ts';
import { transitionRule, type Rule } from './cel.ts';
import type { Merge, Shape } from './field-sets.ts';
import { at, isObject, type Json, type JsonObject, type KubeObject } from './object.ts';

/** The part of OpenAPI v3 that custom resources use here; a keyword outside it is refused, not skipped. */
interface SchemaNode {
  properties?: Record<string, SchemaNode> | undefined;
  additionalProperties?: SchemaNode | boolean | undefined;
  items?: SchemaNode | undefined;
  'x-kubernetes-validations'?: { rule: string; message: string }[] | undefined;
  'x-kubernetes-preserve-unknown-fields'?: true | undefined;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map' | undefined;
  'x-kubernetes-list-map-keys'?: string[] | undefined;
  'x-kubernetes-map-type'?: 'atomic' | 'granular' | undefined;
}

/** The schema of a custom resource, ready to judge objects. */
export interface CrdSchema {
  root: SchemaNode;
  values: z.ZodType;
  rules: { path: string[]; check: Rule; message: string }[];
}

const number = z.number().optional();
const node: z.ZodType<SchemaNode> = z.lazy(() =>
  z.strictObject({
    type: z.enum(['object', 'array', 'string', 'integer', 'number', 'boolean']),
    description: z.string().optional(),
    format: z.enum(['int32', 'int64', 'double', 'date-time']).optional(),
    properties: z.record(z.string(), node).optional(),
    additionalProperties: z.union([node, z.boolean()]).optional(),
    items: node.optional(),
    required: z.array(z.string()).optional(),
    enum: z.array(z.union([z.string(), z.number()])).optional(),
    ...Object.fromEntries(['minimum', 'maximum', 'minLength', 'maxLength', 'maxItems'].map((name) => [name, number])),
    pattern: z.string().optional(),
    'x-kubernetes-validations': z.array(z.strictObject({ rule: z.string(), message: z.string() })).optional(),
    'x-kubernetes-preserve-unknown-fields': z.literal(true).optional(),
    'x-kubernetes-list-type': z.enum(['atomic', 'set', 'map']).optional(),
    'x-kubernetes-list-map-keys': z.array(z.string()).optional(),
    'x-kubernetes-map-type': z.enum(['atomic', 'granular']).optional(),
  }),
);

/** @throws ApiError 501 for a keyword or a rule that is not served. */
export function readCrdSchema(json: Json | undefined): CrdSchema {
  const result = node.safeParse(json);
  if (!result.success) throw notServed(`this custom resource schema: ${z.prettifyError(result.error)}`);
  const values = z.fromJSONSchema(json as JsonObject, { defaultTarget: 'openapi-3.0' });
  return { root: result.data, values, rules: rulesOf(result.data, []) };
}

/** Rules of the members that are always one object: those inside lists and maps have no old value to compare with. */
function rulesOf(schema: SchemaNode, path: string[]): CrdSchema['rules'] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ rule, message }) => ({
    path,
    check: transitionRule(rule),
    message,
  }));
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => rulesOf(child, [...path, name]));
  return [...own, ...inner];
}

/** What a schema says of a member; undefined when nothing. */
const memberOf = (schema: SchemaNode, name: string): SchemaNode | boolean | undefined =>
  schema.properties?.[name] ??
  schema.additionalProperties ??
  (schema['x-kubernetes-preserve-unknown-fields'] === true ? true : undefined);

/** Members that the schema does not name are dropped, and told to `onDrop` by their path. */
function pruned(schema: SchemaNode, value: Json, where: { path: string; onDrop: (path: string) => void }): Json {
  const { items } = schema;
  if (Array.isArray(value)) return items === undefined ? value : value.map((item) => pruned(items, item, where));
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    const inner = memberOf(schema, name);
    const path = `${where.path}.${name}`;
    if (child === undefined) continue;
    if (inner === undefined || inner === false) where.onDrop(path);
    else kept[name] = inner === true ? child : pruned(inner, child, { ...where, path });
  }
  return kept;
}

/** The content of a custom object without what its schema does not name, as the API server stores it. */
export function prune(schema: CrdSchema, content: JsonObject): JsonObject {
  return pruned(schema.root, content, { path: '', onDrop: () => {} }) as JsonObject;
}

/**
 * An apply may carry only fields and types of the schema.
 * @throws ApiError 500 with no reason, which is what kube-apiserver answers here.
 */
export function refuseUndeclared(schema: CrdSchema, { metadata, apiVersion, kind, ...content }: KubeObject): void {
  const problems: string[] = [];
  pruned(schema.root, content, { path: '', onDrop: (path) => problems.push(`${path}: field not declared in schema`) });
  for (const { code, path, message } of schema.values.safeParse(content).error?.issues ?? [])
    if (code === 'invalid_type' && at(content, ...path.map(String)) !== undefined)
      problems.push(`.${path.join('.')}: ${message}`);
  if (problems.length === 0) return;
  const what = `${metadata.namespace ?? ''}/${metadata.name}; ${apiVersion}, Kind=${kind}`;
  throw new ApiError(500, '', { message: `failed to create typed patch object (${what}): ${problems[0]}` });
}

/** Every problem of a custom object's content; transition rules count once its values are right. */
export function violations(schema: CrdSchema, content: JsonObject, old: JsonObject | undefined): Cause[] {
  const wrong = (schema.values.safeParse(content).error?.issues ?? []).map(({ path, message }) => {
    const field = path.join('.');
    const missing = at(content, ...path.map(String)) === undefined;
    if (missing) return { reason: 'FieldValueRequired', message: 'Required value', field };
    return { reason: 'FieldValueInvalid', message: `Invalid value: ${message}`, field };
  });
  if (wrong.length > 0 || old === undefined) return wrong;
  return schema.rules.flatMap(({ path, check, message }) => {
    const [now, before] = [at(content, ...path), at(old, ...path)];
    if (now === undefined || before === undefined || check(now, before)) return [];
    return [{ reason: 'FieldValueInvalid', message: `Invalid value: ${message}`, field: path.join('.') }];
  });
}

/** Merge rules as the schema declares them; metadata follows the rules that all kinds share. */
export function crdShape({ root }: CrdSchema): Shape {
  return (fields): Merge => {
    if (fields.length === 2 && fields[0] === 'metadata' && fields[1] === 'finalizers') return 'set';
    if (fields.length === 2 && fields[0] === 'metadata' && fields[1] === 'ownerReferences')
      return { keys: ['uid'], atomicItems: true };
    let current: SchemaNode | undefined = root;
    for (const name of fields) {
      const declared: SchemaNode | boolean | undefined = current && memberOf(current.items ?? current, name);
      current = typeof declared === 'object' ? declared : undefined;
    }
    if (current?.['x-kubernetes-map-type'] === 'atomic') return 'atomic';
    const list = current?.['x-kubernetes-list-type'];
    return list === 'map' ? { keys: current?.['x-kubernetes-list-map-keys'] ?? [] } : (list ?? 'default');
  };
}
