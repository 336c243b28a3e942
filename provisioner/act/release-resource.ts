import { isNotFound } from '../kube/kube-error.ts';
import type { SeenObject } from '../plan/step.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/** Takes our finalizer from a custom resource whose endpoint is gone; with it the resource goes. */
export async function releaseResource(
  { kube, signal }: StepContext,
  { seen, finalizers }: { seen: SeenObject; finalizers: readonly string[] },
): Promise<StepEffect> {
  const { kind, name, uid, resourceVersion } = seen;
  const patch = { metadata: { uid, resourceVersion, finalizers } };
  try {
    await kube.patch(kind, { name }, { patch, signal });
    return 'changed';
  } catch (error) {
    if (isNotFound(error)) return 'unchanged';
    throw error;
  }
}
