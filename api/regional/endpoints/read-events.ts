import type { EventsQuery } from '#shared/contract/deployment.ts';
import type { EventReply, EventsReply } from '#shared/contract/resource.ts';
import type { PlacedEvent } from '../view/event-log.ts';
import { readSpec } from './read-desired.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';

/**
 * A page of an endpoint's timeline, oldest first. `url` is what the link to the next page starts with.
 * @throws AppError `not_found`, also for another team's; `unavailable`.
 */
export async function listEvents(
  context: RegionContext,
  call: Call,
  { endpointId, query, url }: { endpointId: string; query: EventsQuery; url: string },
): Promise<Answer<EventsReply>> {
  await readSpec(context, call, endpointId);
  const { events: found, total } = await context.events.page(endpointId, { after: query.after, limit: query.per_page });
  const last = found.at(-1);
  const next = last !== undefined && found.length < total ? `${url}?per_page=${query.per_page}&after=${last.seq}` : '';
  return {
    status: 200,
    revision: null,
    body: { events: found.map(eventReply), links: next === '' ? {} : { pages: { next } }, meta: { total } },
  };
}

/** One endpoint's events behind `after`, and each as it comes, until the endpoint is gone. @throws as `listEvents`. */
export async function followEvents(
  context: RegionContext,
  call: Call,
  { endpointId, after }: { endpointId: string; after: number },
): Promise<(signal: AbortSignal) => AsyncIterable<EventReply>> {
  await readSpec(context, call, endpointId);
  return async function* told(signal) {
    for await (const placed of context.events.follow(endpointId, after, signal)) {
      yield eventReply(placed);
      if (placed.event.type === 'endpoint.deleted') return;
    }
  };
}

function eventReply({ seq, event }: PlacedEvent): EventReply {
  const { type, at, actor, phase, reason, message, hint, revision } = event;
  return { id: String(seq), type, at, actor, phase, reason, message, hint, revision };
}
