import type { EventDocument } from '#shared/contract/status.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { kinds } from '../kube/kinds.ts';
import { isNotFound } from '../kube/kube-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { DocumentStep, ObjectStep, SeenObject, Step } from '../plan/step.ts';
import { MovedOnError, removeDocument, writePool, writeQuarantine, writeStatus } from '../desired/documents.ts';
import type { StepContext, StepEffect } from './step-context.ts';
import { namespaceName, resourceName, deletionCostAnnotation } from '../manifests/names.ts';

/** Takes one step of a plan. Every step may be taken again, and dying after it loses nothing. */
export async function takeStep(context: StepContext, step: Step): Promise<StepEffect> {
  switch (step.kind) {
    case 'write-pool':
    case 'remove-pool':
    case 'write-status':
    case 'keep-quarantine':
    case 'remove-document':
    case 'tell':
      return takeDocumentStep(context, step);
    case 'prove':
      context.proofs.ask(context.endpointId, step);
      return 'unchanged';
    case 'create-resource':
    case 'apply':
    case 'delete':
    case 'mark-pod':
    case 'patch-status':
    case 'release-resource':
    case 'confirm-gone':
      return takeObjectStep(context, step);
  }
}

async function takeObjectStep(context: StepContext, step: ObjectStep): Promise<StepEffect> {
  switch (step.kind) {
    case 'create-resource':
      return createResource(context, step);
    case 'apply':
      return applyObject(context, step);
    case 'delete':
      return deleteObject(context, step);
    case 'mark-pod': {
      const annotations = { [deletionCostAnnotation]: step.cost === 0 ? null : String(step.cost) };
      return patchSeen(context, step.seen, { metadata: { annotations } });
    }
    case 'patch-status':
      return patchSeen(context, step.seen, { status: step.status });
    case 'release-resource':
      // Without our finalizer it goes: its endpoint is gone.
      return patchSeen(context, step.seen, { metadata: { finalizers: step.finalizers } });
    case 'confirm-gone':
      return confirmGone(context);
  }
}

async function takeDocumentStep(context: StepContext, step: DocumentStep): Promise<StepEffect> {
  const { nats, endpointId } = context;
  switch (step.kind) {
    case 'write-pool':
      await writePool(nats, step.document, step.expectedSeq);
      return 'changed';
    case 'remove-pool':
      await removeDocument(nats, subjects.pool(step.vpcId, endpointId, step.pool), step.expectedSeq);
      return 'changed';
    case 'write-status':
      await writeStatus(nats, step.status, step.expectedSeq);
      return 'changed';
    case 'keep-quarantine':
      await writeQuarantine(nats, step.quarantine, step.expectedSeq);
      return 'changed';
    case 'remove-document':
      await removeDocument(nats, step.subject, step.expectedSeq);
      return 'changed';
    case 'tell':
      return tellEvent(context, step);
  }
}

/**
 * The one write without a uid: nothing in the cluster can fence the birth of an endpoint. So the stream's leader is asked
 * right before it whether this is still desired; what slips through all the same is swept by resync.
 */
async function createResource(
  context: StepContext,
  step: { object: KubeObject; revision: number },
): Promise<StepEffect> {
  const { kube, documents, endpointId, signal, wrote } = context;
  const newest = await documents.desired(endpointId);
  const current = newest.kind === 'spec' && newest.revision === step.revision && newest.spec.deletion === undefined;
  if (!current) throw new MovedOnError(`revision ${step.revision} of ${endpointId} is not the newest any more`);
  return wrote(await kube.apply(step.object, { signal }));
}

/**
 * Server-side apply of the full intent. With a uid it meets that object or none: an endpoint that was deleted meanwhile
 * does not come back. With a resourceVersion it meets the state that was seen: within one sequence counts move several times.
 */
async function applyObject(
  context: StepContext,
  { object, uid, resourceVersion }: Extract<ObjectStep, { kind: 'apply' }>,
): Promise<StepEffect> {
  const { kube, signal, wrote } = context;
  return wrote(await kube.apply(object, { uid, resourceVersion, signal }));
}

/** Deletes exactly the object that was seen, in the state in which it was seen. */
async function deleteObject(
  { kube, signal, wrote }: StepContext,
  { seen, propagation }: { seen: SeenObject; propagation?: 'Foreground' },
): Promise<StepEffect> {
  const { kind, name, namespace, uid, resourceVersion } = seen;
  const preconditions = { uid, resourceVersion };
  try {
    const options = { preconditions, ...(propagation && { propagation }), signal };
    const left = await kube.delete(kind, { name, namespace }, options);
    if (left !== undefined) wrote(left);
    return 'changed';
  } catch (error) {
    if (isNotFound(error)) return 'unchanged';
    throw error;
  }
}

/** Merges into exactly the object that was seen, in the state in which it was seen; one that is gone needs nothing. */
async function patchSeen(
  { kube, signal, wrote }: StepContext,
  seen: SeenObject,
  change: { metadata?: object; status?: object },
): Promise<StepEffect> {
  const { kind, name, namespace, uid, resourceVersion } = seen;
  const subresource = change.status === undefined ? undefined : 'status';
  const patch = { ...change, metadata: { uid, resourceVersion, ...change.metadata } };
  try {
    return wrote(await kube.patch(kind, { name, namespace, subresource }, { patch, signal }));
  } catch (error) {
    if (isNotFound(error)) return 'unchanged';
    throw error;
  }
}

/** Asks the API server itself before an endpoint is called gone: the caches may be behind another provisioner. */
async function confirmGone({ kube, endpointId, signal }: StepContext): Promise<StepEffect> {
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

/** Adds a line to the timeline, once: the stream drops a repeated key within its window of two minutes. */
async function tellEvent(
  { nats, clock, endpointId }: StepContext,
  step: { key: string; team: string; revision: number; type: string; message: string; hint: string },
): Promise<StepEffect> {
  const { key, team, revision, type, message, hint } = step;
  const about = { endpointId, team, revision, type, message, reason: 'Unexpected', hint, phase: 'done' };
  const line: EventDocument = { v: 1, at: new Date(clock.now()).toISOString(), actor: 'provisioner', ...about };
  const body = new TextEncoder().encode(JSON.stringify(line));
  const { duplicate } = await nats.js.publish(subjects.event(endpointId), body, { msgID: `${endpointId}/${key}` });
  return duplicate ? 'unchanged' : 'changed';
}
