import type { KubeObject } from '../kube/kube-object.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/**
 * Server-side apply of the full intent. With a uid it meets that object or none: an endpoint that was deleted meanwhile
 * does not come back.
 */
export async function applyObject(
  context: StepContext,
  step: { object: KubeObject; uid?: string },
): Promise<StepEffect> {
  const { kube, signal, wrote } = context;
  return wrote(await kube.apply(step.object, { uid: step.uid, signal }));
}
