import { expect, it } from 'vitest';
import { KubeError } from '../kube/kube-error.ts';
import { fenceMessages, resourceDefinition } from '../manifests/fence.ts';
import { MovedOnError, NotStoredError } from '../desired/documents.ts';
import type { Step } from '../plan/step.ts';
import { judgeFailure } from './judge-failure.ts';

const apply: Step = { kind: 'apply', object: resourceDefinition(), why: '' };
const confirm: Step = { kind: 'confirm-gone', why: '' };
const kube = (status: number, message = '', details = {}): KubeError =>
  new KubeError({ status, reason: 'x', message, details });
const table: [string, Step, unknown, string][] = [
  ['the fence on the custom resource', apply, kube(422, `spec: Invalid value: ${fenceMessages.resource}`), 'stale'],
  ['the fence on children', apply, kube(422, `denied request: ${fenceMessages.child}`), 'stale'],
  ['an object that the schema refuses', apply, kube(422, 'spec.replicas: must be positive'), 'permanent'],
  ['another uid on an apply', apply, kube(422, 'immutable', { causes: [{ field: 'metadata.uid' }] }), 'moved'],
  ['another version', confirm, kube(409), 'moved'],
  ['something that is gone', apply, kube(404), 'moved'],
  ['a namespace that ends', apply, kube(403, '', { causes: [{ reason: 'NamespaceTerminating' }] }), 'moved'],
  ['a document that somebody else wrote', confirm, new MovedOnError('x'), 'moved'],
  ['NATS', confirm, new NotStoredError('x'), 'unknown'],
  ['an API server that is away', apply, kube(0), 'unknown'],
  ['a right that is missing', apply, kube(403), 'unknown'],
  ['a 422 to anything but an apply', confirm, kube(422), 'unknown'],
];
it.each(table)('judges %s', (...[, step, error, kind]) => expect(judgeFailure(step, error).kind).toBe(kind));
