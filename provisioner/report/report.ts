import type { StatusDocument } from '#shared/contract/status.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { nextStatus } from './next-status.ts';
import type { Progress } from '../plan/progress.ts';
import { publishEvents } from './events.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PlanSettings } from '../plan/settings.ts';
import { writeStatus } from '../desired/documents.ts';
import type { KubeWrites } from '../kube/kube-client.ts';

/** Where reports go. */
export interface ReportContext {
  nats: Nats;
  kube: Pick<KubeWrites, 'applyStatus'>;
  log: Logger;
  settings: PlanSettings;
}

/**
 * Writes the status when it says something new, then tells the timeline and the custom resource.
 * Gives the document that was written, or null. @throws MovedOnError, NotStoredError.
 */
export async function report(
  context: ReportContext,
  observed: ObservedState,
  progress: Progress | null,
): Promise<StatusDocument | null> {
  const { desired, status } = observed;
  const { nats, log, settings } = context;
  if (desired.kind !== 'spec' || progress === null) return null;
  const next = nextStatus(desired, observed, { progress, settings });
  if (next === null) return null;
  await writeStatus(nats, next.document, status.seq);
  const { document: after, events } = next;
  const { endpointId, state, phase, reason } = after;
  if (events.length > 0 || status.document?.phase !== phase)
    log.info({ endpointId, revision: after.observedRevision, state, phase, reason, events }, 'status.changed');
  await publishEvents(nats, { spec: desired.spec, before: status.document, after, events }, log);
  await mirror(context, observed, after);
  return after;
}

/** Shows the status in the cluster too, for people with kubectl; nothing reads it back, so a failure is only logged. */
async function mirror({ kube, log }: ReportContext, { resource }: ObservedState, after: StatusDocument): Promise<void> {
  if (resource === null || after.state === 'gone') return;
  const { apiVersion, kind, metadata } = resource;
  const conditions = after.conditions.map(({ observedRevision, ...condition }) => ({
    ...condition,
    observedGeneration: observedRevision,
  }));
  const { state, phase, observedRevision, replicas } = after;
  const status = { state, phase, observedRevision, replicas, conditions };
  try {
    await kube.applyStatus({ apiVersion, kind, metadata: { name: metadata.name }, status }, { uid: metadata.uid });
  } catch (error) {
    log.debug({ endpointId: after.endpointId, reason: String(error) }, 'status.not_mirrored');
  }
}
