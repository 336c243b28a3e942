import type { KubeObject } from '../kube/kube-object.ts';
import { MovedOnError } from '../report/status-writer.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/**
 * The one write without a uid: nothing in the cluster can fence the birth of an endpoint. So the stream's leader is asked
 * right before it whether this is still the wish; what slips through all the same is swept by resync.
 */
export async function createResource(
  context: StepContext,
  step: { object: KubeObject; revision: number },
): Promise<StepEffect> {
  const { kube, documents, endpointId, signal, wrote } = context;
  const newest = await documents.desired(endpointId);
  const wanted = newest.kind === 'spec' && newest.revision === step.revision && newest.spec.deletion === undefined;
  if (!wanted) throw new MovedOnError(`revision ${step.revision} of ${endpointId} is not the newest any more`);
  return wrote(await kube.apply(step.object, { signal }));
}
