import { removePool, writePool } from '../report/pool-writer.ts';
import type { Step } from '../plan/step.ts';
import { applyObject } from './apply-object.ts';
import { confirmGone } from './confirm-gone.ts';
import { createResource } from './create-resource.ts';
import { deleteObject } from './delete-object.ts';
import { markPod } from './mark-pod.ts';
import { releaseResource } from './release-resource.ts';
import type { StepContext, StepEffect } from './step-context.ts';
import { tellEvent } from './tell-event.ts';

/** Takes one step of a plan. Every step may be taken again, and dying after it loses nothing. */
export async function takeStep(context: StepContext, step: Step): Promise<StepEffect> {
  const { nats, endpointId } = context;
  switch (step.kind) {
    case 'create-resource':
      return createResource(context, step);
    case 'apply':
      return applyObject(context, step);
    case 'delete':
      return deleteObject(context, step.seen);
    case 'mark-pod':
      return markPod(context, step);
    case 'release-resource':
      return releaseResource(context, step);
    case 'confirm-gone':
      return confirmGone(context);
    case 'write-pool':
      await writePool(nats, step.document, step.expectedSeq);
      return 'changed';
    case 'remove-pool':
      await removePool(nats, { vpcId: step.vpcId, endpointId, pool: step.pool }, step.expectedSeq);
      return 'changed';
    case 'tell':
      return tellEvent(context, step);
    case 'prove':
      context.proofs.ask(endpointId, step);
      return 'unchanged';
  }
}
