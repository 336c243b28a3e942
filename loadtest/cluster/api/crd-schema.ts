import { z } from 'zod';
import { ApiError, notServed, type Cause } from './api-error.ts';
import { transitionRule, type Rule } from './cel.ts';
import type { Merge, Shape } from './field-sets.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';

/** The part of OpenAPI v3 that custom resources use here; a keyword outside it is refused, not skipped. */
export interface CrdSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | undefined;
  properties?: Record<string, CrdSchema> | undefined;
  additionalProperties?: CrdSchema | boolean | undefined;
  items?: CrdSchema | undefined;
  required?: string[] | undefined;
  enum?: (string | number)[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  minLength?: number | undefined;
  maxLength?: number | undefined;
  maxItems?: number | undefined;
  pattern?: string | undefined;
  rules?: { check: Rule; message: string }[];
  'x-kubernetes-validations'?: { rule: string; message: string }[] | undefined;
  'x-kubernetes-preserve-unknown-fields'?: true | undefined;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map' | undefined;
  'x-kubernetes-list-map-keys'?: string[] | undefined;
  'x-kubernetes-map-type'?: 'atomic' | 'granular' | undefined;
}

const schemaOf: z.ZodType<CrdSchema> = z.lazy(() =>
  z.strictObject({
    type: z.enum(['object', 'array', 'string', 'integer', 'number', 'boolean']).optional(),
    description: z.string().optional(),
    format: z.enum(['int32', 'int64', 'double', 'date-time']).optional(),
    properties: z.record(z.string(), schemaOf).optional(),
    additionalProperties: z.union([schemaOf, z.boolean()]).optional(),
    items: schemaOf.optional(),
    required: z.array(z.string()).optional(),
    enum: z.array(z.union([z.string(), z.number()])).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    minLength: z.number().optional(),
    maxLength: z.number().optional(),
    maxItems: z.number().optional(),
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
  const result = schemaOf.safeParse(json);
  if (!result.success) throw notServed(`this custom resource schema: ${z.prettifyError(result.error)}`);
  compileRules(result.data);
  return result.data;
}

function compileRules(schema: CrdSchema): void {
  const rules = schema['x-kubernetes-validations'];
  if (rules !== undefined) schema.rules = rules.map(({ rule, message }) => ({ check: transitionRule(rule), message }));
  for (const child of Object.values(schema.properties ?? {})) compileRules(child);
  if (schema.items !== undefined) compileRules(schema.items);
  if (typeof schema.additionalProperties === 'object') compileRules(schema.additionalProperties);
}

/** Members that the schema does not name are dropped, as the API server does for custom resources. */
export function prune(schema: CrdSchema, value: Json): Json {
  if (Array.isArray(value)) return schema.items === undefined ? value : value.map((item) => prune(schema.items!, item));
  if (!isObject(value) || schema['x-kubernetes-preserve-unknown-fields'] === true) return value;
  const kept: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    const inner = schema.properties?.[name] ?? schema.additionalProperties;
    if (child === undefined || inner === undefined || inner === false) continue;
    kept[name] = inner === true ? child : prune(inner, child);
  }
  return kept;
}

/**
 * An apply may carry only fields and types of the schema.
 * @throws ApiError 500 with no reason, which is what kube-apiserver answers here.
 */
export function refuseUndeclared(schema: CrdSchema, { metadata, apiVersion, kind, ...content }: KubeObject): void {
  const visit = (inner: CrdSchema, value: Json, path: string): string | undefined => {
    const wrong = typeProblem(inner, value);
    if (wrong !== undefined) return `${path}: ${wrong}`;
    if (!isObject(value) || inner['x-kubernetes-preserve-unknown-fields'] === true) return undefined;
    for (const [name, child] of Object.entries(value)) {
      const declared = inner.properties?.[name] ?? inner.additionalProperties;
      if (declared === undefined || declared === false) return `${path}.${name}: field not declared in schema`;
      const problem = child === undefined || declared === true ? undefined : visit(declared, child, `${path}.${name}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  const problem = visit(schema, content, '');
  if (problem === undefined) return;
  const what = `${metadata.namespace ?? ''}/${metadata.name}; ${apiVersion}, Kind=${kind}`;
  throw new ApiError(500, '', { message: `failed to create typed patch object (${what}): ${problem}` });
}

/** Every problem of a value, the transition rules included where an old value exists. */
export function violations(schema: CrdSchema, value: Json, context: { old: Json | undefined; field: string }): Cause[] {
  const { old, field } = context;
  const wrong = typeProblem(schema, value);
  if (wrong !== undefined)
    return [{ reason: 'FieldValueTypeInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${wrong}`, field }];
  const causes: Cause[] = limits(schema, value).map((text) => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${text}`,
    field,
  }));
  if (isObject(value)) causes.push(...memberViolations(schema, value, context));
  if (Array.isArray(value) && schema.items !== undefined)
    for (const [position, item] of value.entries())
      causes.push(...violations(schema.items, item, { old: undefined, field: `${field}[${position}]` }));
  if (old !== undefined && causes.length === 0)
    for (const { check, message } of schema.rules ?? [])
      if (!check(value, old)) causes.push({ reason: 'FieldValueInvalid', message: `Invalid value: ${message}`, field });
  return causes;
}

function memberViolations(
  schema: CrdSchema,
  value: JsonObject,
  context: { old: Json | undefined; field: string },
): Cause[] {
  const { old, field } = context;
  const path = (name: string): string => (field === '' ? name : `${field}.${name}`);
  const missing = (schema.required ?? [])
    .filter((name) => value[name] === undefined)
    .map((name) => ({ reason: 'FieldValueRequired', message: 'Required value', field: path(name) }));
  const inner = Object.entries(value).flatMap(([name, child]) => {
    const declared = schema.properties?.[name] ?? schema.additionalProperties;
    if (child === undefined || typeof declared !== 'object') return [];
    const before = isObject(old) ? old[name] : undefined;
    return violations(declared, child, { old: before, field: path(name) });
  });
  return [...missing, ...inner];
}

function typeProblem({ type }: CrdSchema, value: Json): string | undefined {
  const fits: Record<string, boolean> = {
    object: isObject(value),
    array: Array.isArray(value),
    string: typeof value === 'string',
    integer: Number.isInteger(value),
    number: typeof value === 'number',
    boolean: typeof value === 'boolean',
  };
  return type === undefined || fits[type] === true ? undefined : `must be of type ${type}`;
}

function limits(schema: CrdSchema, value: Json): string[] {
  const size = typeof value === 'string' ? value.length : 0;
  const problems: [boolean, string][] = [
    [schema.enum !== undefined && !schema.enum.includes(value as string), `supported: ${schema.enum?.join(', ')}`],
    [typeof value === 'number' && value < (schema.minimum ?? -Infinity), `should be ≥ ${schema.minimum}`],
    [typeof value === 'number' && value > (schema.maximum ?? Infinity), `should be ≤ ${schema.maximum}`],
    [typeof value === 'string' && size < (schema.minLength ?? 0), `should be at least ${schema.minLength} long`],
    [typeof value === 'string' && size > (schema.maxLength ?? Infinity), `may not be longer than ${schema.maxLength}`],
    [Array.isArray(value) && value.length > (schema.maxItems ?? Infinity), `at most ${schema.maxItems} items`],
    [
      typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value),
      `should match ${schema.pattern}`,
    ],
  ];
  return problems.filter(([wrong]) => wrong).map(([, text]) => text);
}

/** Merge rules as the schema declares them; metadata follows the rules that all kinds share. */
export function crdShape(schema: CrdSchema): Shape {
  return (fields): Merge => {
    if (fields[0] === 'metadata') {
      if (fields[1] === 'finalizers' && fields.length === 2) return 'set';
      if (fields[1] === 'ownerReferences' && fields.length === 2) return { keys: ['uid'], atomicItems: true };
      return 'default';
    }
    let current: CrdSchema | undefined = schema;
    for (const name of fields) {
      const inside: CrdSchema | undefined = current?.items ?? current;
      const declared: CrdSchema | boolean | undefined = inside?.properties?.[name] ?? inside?.additionalProperties;
      current = typeof declared === 'object' ? declared : undefined;
    }
    if (current?.['x-kubernetes-map-type'] === 'atomic') return 'atomic';
    const list = current?.['x-kubernetes-list-type'];
    return list === 'map' ? { keys: current?.['x-kubernetes-list-map-keys'] ?? [] } : (list ?? 'default');
  };
}
