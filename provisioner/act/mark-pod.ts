import { isNotFound } from '../kube/kube-error.ts';
import { deletionCostAnnotation } from '../manifests/labels.ts';
import type { SeenObject } from '../plan/step.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/** Sets or takes back a pod's deletion cost: what a shrinking ReplicaSet takes first. */
export async function markPod(
  { kube, signal, wrote }: StepContext,
  { seen, cost }: { seen: SeenObject; cost: number },
): Promise<StepEffect> {
  const { kind, name, namespace, uid, resourceVersion } = seen;
  const annotations = { [deletionCostAnnotation]: cost === 0 ? null : String(cost) };
  const patch = { metadata: { uid, resourceVersion, annotations } };
  try {
    return wrote(await kube.patch(kind, { name, namespace }, { patch, signal }));
  } catch (error) {
    if (isNotFound(error)) return 'unchanged';
    throw error;
  }
}
