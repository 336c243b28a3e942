import type { KindInfo } from '../objects/kinds.ts';
import { at, type KubeObject } from '../objects/object.ts';

/** The body of a DELETE as far as it is served. */
export interface DeleteOptions {
  preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | undefined;
  gracePeriodSeconds?: number | undefined;
}

/** What a delete does now: the object is gone, or it stays with these marks. */
export type DeletePlan = { gone: true } | { gone: false; object: KubeObject };

export const foregroundFinalizer = 'foregroundDeletion';
export const crdFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/**
 * Decides a delete. Only pods that run on a node get a grace period; a namespace waits for its content; finalizers hold
 * anything. A second delete can only shorten the grace period.
 */
export function planDelete(kind: KindInfo, live: KubeObject, options: DeleteOptions & { now: number }): DeletePlan {
  const graceSeconds = graceOf(kind, live, options);
  const { metadata } = live;
  const finalizers = [...(metadata.finalizers ?? [])];
  if (kind.id === 'apiextensions.k8s.io/customresourcedefinitions' && !finalizers.includes(crdFinalizer))
    finalizers.push(crdFinalizer);
  if (options.propagationPolicy === 'Foreground' && !finalizers.includes(foregroundFinalizer))
    finalizers.push(foregroundFinalizer);
  const isNamespace = kind.id === '/namespaces';
  const waits = finalizers.length > 0 || graceSeconds > 0 || isNamespace;
  if (!waits) return { gone: true };
  if (metadata.deletionTimestamp !== undefined) {
    const before = metadata.deletionGracePeriodSeconds ?? 0;
    if (graceSeconds >= before && finalizers.length === (metadata.finalizers ?? []).length)
      return { gone: false, object: live };
  }
  const object: KubeObject = {
    ...live,
    metadata: {
      ...metadata,
      ...(finalizers.length > 0 ? { finalizers } : {}),
      deletionTimestamp: `${new Date(options.now + graceSeconds * 1000).toISOString().slice(0, 19)}Z`,
      deletionGracePeriodSeconds: graceSeconds,
      ...(metadata.generation === undefined ? {} : { generation: metadata.generation + 1 }),
    },
  };
  if (isNamespace) object.status = { ...live.status, phase: 'Terminating' };
  return { gone: false, object };
}

function graceOf(kind: KindInfo, live: KubeObject, { gracePeriodSeconds }: DeleteOptions): number {
  if (kind.id !== '/pods' || at(live.spec, 'nodeName') === undefined) return 0;
  if (['Succeeded', 'Failed'].includes(String(at(live.status, 'phase')))) return 0;
  const wanted = gracePeriodSeconds ?? Number(at(live.spec, 'terminationGracePeriodSeconds') ?? 30);
  return Math.min(wanted, live.metadata.deletionGracePeriodSeconds ?? wanted);
}
