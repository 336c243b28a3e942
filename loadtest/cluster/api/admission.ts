import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { denied, forbidden, invalid, notFound, notServed } from '../objects/api-error.ts';
import { policyExpression } from '../objects/cel.ts';
import { prune, violations, type CrdSchema } from '../objects/crd-schema.ts';
import { builtin, kindOfCrd, type KindInfo } from '../objects/kinds.ts';
import { at, type Json, type KubeObject } from '../objects/object.ts';
import { immutable } from './preconditions.ts';
import type { Store } from './store.ts';
import { completeSpec } from '../objects/workloads.ts';

/** A write before it is stored. `live` is absent for a create. */
export interface Admitted {
  kind: KindInfo;
  live: KubeObject | undefined;
  next: KubeObject;
  subresource: 'status' | undefined;
}

const policySpec = z.strictObject({
  failurePolicy: z.literal('Fail').optional(),
  matchConstraints: z.strictObject({
    matchPolicy: z.enum(['Equivalent', 'Exact']).optional(),
    resourceRules: z.array(
      z.strictObject({
        apiGroups: z.array(z.string()),
        apiVersions: z.array(z.string()),
        operations: z.array(z.enum(['CREATE', 'UPDATE'])),
        resources: z.array(z.string().regex(/^[a-z]+$/)),
        scope: z.literal('*').optional(),
      }),
    ),
  }),
  validations: z.array(
    z.strictObject({ expression: z.string(), message: z.string(), reason: z.literal('Invalid').optional() }),
  ),
});
const bindingSpec = z.strictObject({ policyName: z.string(), validationActions: z.tuple([z.literal('Deny')]) });

/** Checks an object by the rules of its kind and fills in defaults. @throws ApiError 422 or 501. */
export function admitObject(write: Admitted): KubeObject {
  const { kind, live, next, subresource } = write;
  if (kind.schema !== undefined) return admitCustom(kind.schema, write);
  if (subresource === 'status') return next;
  if (kind.id === 'apiextensions.k8s.io/customresourcedefinitions') kindOfCrd(next);
  if (kind.id === 'admissionregistration.k8s.io/validatingadmissionpolicies')
    for (const { expression } of readPolicy(policySpec, next).validations) policyExpression(expression);
  if (kind.id === 'admissionregistration.k8s.io/validatingadmissionpolicybindings') readPolicy(bindingSpec, next);
  const complete = completeSpec(kind, next);
  if (live !== undefined) refuseFrozenChange(kind, live, complete);
  return complete;
}

function admitCustom(schema: CrdSchema, { kind, live, next }: Admitted): KubeObject {
  const { apiVersion, kind: name, metadata, ...content } = next;
  const kept = prune(schema, content);
  const causes = violations(schema, kept, live);
  if (causes.length > 0) throw invalid(kind, metadata.name, causes);
  return { ...kept, apiVersion, kind: name, metadata };
}

function readPolicy<S extends z.ZodType>(schema: S, object: KubeObject): z.infer<S> {
  const result = schema.safeParse(object.spec);
  if (!result.success) throw notServed(`this form of ${object.kind}: ${z.prettifyError(result.error)}`);
  return result.data;
}

function refuseFrozenChange(kind: KindInfo, live: KubeObject, next: KubeObject): void {
  const { name } = next.metadata;
  if (kind.id === '/pods' && !isDeepStrictEqual(live.spec, next.spec)) throw immutable(kind, name, { field: 'spec' });
  if (kind.group !== 'apps') return;
  if (!isDeepStrictEqual(at(live.spec, 'selector'), at(next.spec, 'selector')))
    throw immutable(kind, name, { field: 'spec.selector' });
  if (kind.kind === 'Deployment' && !isDeepStrictEqual(at(live.spec, 'template'), at(next.spec, 'template')))
    throw notServed('a rollout in place (the template of a Deployment is never changed; make a new Deployment)');
}

/** A namespace must exist, and take nothing new while it ends. @throws ApiError 403 as the API server does. */
export function admitIntoNamespace(kind: KindInfo, object: KubeObject, store: Store): void {
  if (!kind.namespaced) return;
  const { name, namespace = '' } = object.metadata;
  const namespaces = builtin('/namespaces');
  const home = store.get(namespaces, undefined, namespace);
  if (home === undefined) throw notFound(namespaces, namespace);
  if (home.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const message = `namespace ${namespace} is being terminated`;
  throw forbidden(kind, name, {
    why,
    causes: [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }],
  });
}

/** Every bound ValidatingAdmissionPolicy that matches must agree. @throws ApiError 422 with the policy's message. */
export function admitByPolicies({ kind, live, next, subresource }: Admitted, store: Store): void {
  if (subresource !== undefined) return;
  const operation = live === undefined ? 'CREATE' : 'UPDATE';
  const policies = builtin('admissionregistration.k8s.io/validatingadmissionpolicies');
  for (const binding of store.list(builtin('admissionregistration.k8s.io/validatingadmissionpolicybindings'))) {
    const name = String(at(binding.spec, 'policyName'));
    const policy = store.get(policies, undefined, name);
    if (policy === undefined) continue;
    const { matchConstraints, validations } = readPolicy(policySpec, policy);
    const matches = matchConstraints.resourceRules.some(
      (rule) =>
        rule.operations.includes(operation) &&
        rule.apiGroups.includes(kind.group) &&
        rule.apiVersions.includes(kind.version) &&
        rule.resources.includes(kind.plural),
    );
    if (!matches) continue;
    for (const { expression, message } of validations) {
      const problem = evaluate(expression, next, live) ? undefined : message;
      if (problem === undefined) continue;
      const why = `ValidatingAdmissionPolicy '${name}' with binding '${binding.metadata.name}' denied request: ${problem}`;
      throw denied(kind, next.metadata.name, why);
    }
  }
}

/** An expression that fails counts as a refusal (`failurePolicy: Fail`). */
function evaluate(expression: string, object: Json, old: Json | undefined): boolean {
  try {
    return policyExpression(expression)(object, old);
  } catch {
    return false;
  }
}
