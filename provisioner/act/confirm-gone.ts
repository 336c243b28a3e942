import { kinds } from '../kube/kinds.ts';
import { isNotFound } from '../kube/kube-error.ts';
import { namespaceName, resourceName } from '../manifests/names.ts';
import { MovedOnError } from '../report/status-writer.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/** Asks the API server itself before an endpoint is called gone: the caches may be behind another provisioner. */
export async function confirmGone({ kube, endpointId, signal }: StepContext): Promise<StepEffect> {
  const left = [
    { kind: kinds.dedicatedInference, name: resourceName(endpointId) },
    { kind: kinds.namespace, name: namespaceName(endpointId) },
  ];
  for (const { kind, name } of left) {
    const found = await kube.get(kind, { name }, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return null;
      throw error;
    });
    if (found !== null) throw new MovedOnError(`${kind.kind} ${name} is still there; the cache has not shown it yet`);
  }
  return 'unchanged';
}
