import type { LifecycleEvent } from '#shared/contract/lifecycle.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import type { EventDocument, StatusDocument } from '#shared/contract/status.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { DrainVerdict } from '../drain/decide-drain.ts';
import { drainNews } from './drain-news.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';

/** A change of status, as the timeline tells it. */
export interface StatusChange {
  spec: SpecDocument;
  before: StatusDocument | null;
  after: StatusDocument;
  events: readonly LifecycleEvent[];
  /** What is known of drains now, by replica id. */
  gates: ReadonlyMap<string, DrainVerdict>;
}

/**
 * The lines that a change adds to the timeline: one per lifecycle event, one per new phase or hint within one, and those of
 * drains. Pure.
 */
export function eventsOf({ spec, before, after, events, gates }: StatusChange): EventDocument[] {
  const line = (type: string, about: { reason: string; message: string; hint: string }): EventDocument => ({
    v: 1,
    endpointId: after.endpointId,
    team: spec.team,
    at: after.updatedAt,
    actor: after.writer,
    type,
    phase: after.phase,
    ...about,
    revision: after.observedRevision,
  });
  const { reason, message, hint = '' } = after;
  const lifecycle = events.map((event) =>
    event === 'rejected' && after.rejection !== null
      ? line('change.rejected', after.rejection)
      : line(`endpoint.${names[event]}`, { reason, message, hint }),
  );
  if (before === null) return lifecycle;
  const drains = drainNews(before, after, gates).map(({ type, ...about }) => line(type, about));
  if (before.phase !== after.phase) return [...lifecycle, line('phase.changed', { reason, message, hint }), ...drains];
  const stuck = hint !== '' && hint !== before.hint;
  return [...lifecycle, ...(stuck ? [line('phase.stuck', { reason, message, hint })] : []), ...drains];
}

const names: Record<LifecycleEvent, string> = {
  accepted: 'accepted',
  proved: 'active',
  rejected: 'rejected',
  lost: 'lost',
  deleteRequested: 'deleting',
  tornDown: 'gone',
};

/** Publishes lines to the stream and to the team's own subjects. The timeline is told once at most, and may lose a line. */
export async function publishEvents(nats: Nats, change: StatusChange, log: Logger): Promise<void> {
  for (const line of eventsOf(change)) {
    const body = new TextEncoder().encode(JSON.stringify(line));
    try {
      await nats.js.publish(subjects.event(line.endpointId), body, { timeout: 2000 });
      nats.nc.publish(`${subjects.teamEvent(line.team, change.spec.region, line.endpointId)}`, body);
    } catch (error) {
      log.warn({ endpointId: line.endpointId, type: line.type, reason: String(error) }, 'event.lost');
    }
  }
}
