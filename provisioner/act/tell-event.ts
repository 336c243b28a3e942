import type { EventDocument } from '#shared/contract/status.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { StepContext, StepEffect } from './step-context.ts';

/** Adds a line to the timeline, once: the stream drops a repeated key within its window of two minutes. */
export async function tellEvent(
  { nats, clock, endpointId }: StepContext,
  step: { key: string; team: string; revision: number; type: string; message: string },
): Promise<StepEffect> {
  const { key, team, revision, type, message } = step;
  const about = { endpointId, team, revision, type, message, reason: 'Unexpected', hint: '', phase: 'done' };
  const line: EventDocument = { v: 1, at: new Date(clock.now()).toISOString(), actor: 'provisioner', ...about };
  const body = new TextEncoder().encode(JSON.stringify(line));
  const { duplicate } = await nats.js.publish(subjects.event(endpointId), body, { msgID: `${endpointId}/${key}` });
  return duplicate ? 'unchanged' : 'changed';
}
