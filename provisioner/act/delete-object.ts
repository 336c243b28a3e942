import { isNotFound } from '../kube/kube-error.ts';
import type { SeenObject } from '../plan/step.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/** Deletes exactly the object that was seen, in the state in which it was seen. */
export async function deleteObject({ kube, signal }: StepContext, seen: SeenObject): Promise<StepEffect> {
  const { kind, name, namespace, uid, resourceVersion } = seen;
  try {
    await kube.delete(kind, { name, namespace }, { preconditions: { uid, resourceVersion }, signal });
    return 'changed';
  } catch (error) {
    if (isNotFound(error)) return 'unchanged';
    throw error;
  }
}
