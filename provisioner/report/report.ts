import { isDeepStrictEqual } from 'node:util';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { Hold } from '../plan/hold.ts';
import { heldStatus } from './held-status.ts';
import { nextStatus } from './next-status.ts';
import type { Progress } from '../plan/progress.ts';
import { publishEvents } from './events.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PlanSettings } from '../plan/settings.ts';
import { writeStatus } from '../desired/documents.ts';
import type { KubeWrites } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** Where reports go. */
export interface ReportContext {
  nats: Nats;
  clock: Clock;
  log: Logger;
  settings: PlanSettings;
}

/** Where the status is shown, too. */
interface MirrorContext {
  kube: Pick<KubeWrites, 'applyStatus'>;
  /** Remembers the write: what the next look does is fenced by the state that it sees. */
  wrote: (object: KubeObject) => unknown;
}

/**
 * Writes the status when it says something new, then tells the timeline and the custom resource.
 * Gives the document that was written, or null. @throws MovedOnError, NotStoredError.
 */
export async function report(
  context: ReportContext & MirrorContext,
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
  await publishEvents(nats, { spec: desired.spec, before: status.document, after, events, gates: observed.gates }, log);
  await mirror(context, observed, after);
  return after;
}

/**
 * Says in the status why nothing of an endpoint is changed now. Without a spec there is nobody to make a first one for.
 * @throws MovedOnError, NotStoredError.
 */
export async function reportHeld(
  context: ReportContext,
  { endpointId, desired, status }: Pick<ObservedState, 'endpointId' | 'desired' | 'status'>,
  hold: Hold,
): Promise<StatusDocument | null> {
  const { nats, log, clock, settings } = context;
  if (status.document === null && desired.kind !== 'spec') return null;
  const at = new Date(clock.now()).toISOString();
  const next = heldStatus({ endpointId, before: status.document, hold, at, writer: settings.writer });
  if (next === null) return null;
  await writeStatus(nats, next, status.seq);
  log.error({ endpointId, reason: hold.reason, message: hold.message }, 'endpoint.held');
  return next;
}

/**
 * Shows the status in the cluster too, for people with kubectl; nothing reads it back, so a failure is only logged. While a
 * change is under way that is once per phase, so that a large endpoint does not write for each replica that starts.
 */
async function mirror(
  { kube, log, wrote }: Pick<ReportContext, 'log'> & MirrorContext,
  { resource, status: { document: before } }: ObservedState,
  after: StatusDocument,
): Promise<void> {
  if (resource === null || after.state === 'gone') return;
  const { apiVersion, kind, metadata } = resource;
  const shown = shownOf(after);
  const samePhase = (['state', 'phase', 'observedRevision'] as const).every((name) => before?.[name] === after[name]);
  if (samePhase && (after.phase !== 'done' || (before !== null && isDeepStrictEqual(shownOf(before), shown)))) return;
  // What was looked at; an apply of this same look is the next one's.
  const { generation: observedGeneration = 0 } = metadata;
  const conditions = shown.conditions.map((condition) => ({ ...condition, observedGeneration }));
  const status = { ...shown, observedGeneration, conditions };
  try {
    const shownOn = { apiVersion, kind, metadata: { name: metadata.name }, status };
    wrote(await kube.applyStatus(shownOn, { uid: metadata.uid }));
  } catch (error) {
    log.debug({ endpointId: after.endpointId, reason: String(error) }, 'status.not_mirrored');
  }
}

function shownOf({ state, phase, observedRevision, replicas, conditions }: StatusDocument) {
  const shown = conditions.map(({ observedRevision: _revision, hint, ...condition }) => ({
    ...condition,
    message: hint === undefined ? condition.message : `${condition.message} ${hint}`,
  }));
  return { state, phase, observedRevision, replicas, conditions: shown };
}
