import { z } from 'zod';
import { eventsPath, eventsQuerySchema } from '#shared/contract/deployment.ts';
import { authenticate, requireScope } from '../../http/authenticate.ts';
import { publicOrigin } from '../../http/public-origin.ts';
import { parseInput } from '../../http/read-input.ts';
import { followEvents, listEvents } from '../endpoints/read-events.ts';
import { endpointIdOf, eventIdForm, type Route } from './route.ts';

const scope = 'dedicated_inference:read';

/** What whoever comes back goes on behind; it takes the place of `after`. */
const resumption = z.object({
  'Last-Event-ID': z.string().regex(eventIdForm, 'must be the id of an event').optional(),
});

/** GET /v2/dedicated-inferences/{id}/events: a page, or, to whoever accepts `text/event-stream`, what comes as it comes. */
export const eventsRoute: Route = {
  method: 'get',
  path: eventsPath,
  operationId: 'dedicatedInferences_events',
  summary: 'What happened to an endpoint, and what happens to it now',
  description:
    'A page of the timeline; or, with `Accept: text/event-stream`, server-sent events: those behind `after` or `Last-Event-ID`, then each as it happens.',
  scope,
  query: eventsQuerySchema,
  success: {
    status: 200,
    description: 'One page, oldest first; as text/event-stream everything that is still to come.',
  },
  streams: true,
  handle: async (c, { context, eventStreams, lookup }) => {
    const call = c.get('call');
    const endpointId = endpointIdOf(c);
    const asked = parseInput(eventsQuerySchema, c.req.query());
    const { 'Last-Event-ID': last } = parseInput(resumption, { 'Last-Event-ID': c.req.header('last-event-id') });
    const query = last ? { ...asked, after: Number(last) } : asked;
    if (!c.req.header('accept')?.includes('text/event-stream')) {
      const url = `${publicOrigin(c.req.raw)}${c.req.path}`;
      return listEvents(context, call, { endpointId, query, url });
    }
    const events = await followEvents(context, call, { endpointId, after: query.after });
    const isAllowed = (): boolean => {
      try {
        requireScope(authenticate(c.req.header('authorization'), lookup, context.clock.now()), scope);
        return true;
      } catch {
        return false; // Revoked, expired or narrowed since: the stream ends, and the reader learns why when it comes back.
      }
    };
    return eventStreams.answer({ events, isAllowed });
  },
};
