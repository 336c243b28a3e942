import { leastInFlight } from './least-in-flight.ts';
import { byWeightFor, conversationKey, firstOf, type Policy } from './policy.ts';

/**
 * A conversation always to the same replica, by its name, else by its first user message, whatever the load: what a hash
 * on a session header does (nginx `hash $http_x_session consistent`), as highest random weight hashing (Thaler and
 * Ravishankar, 1998). For routers that cannot hear each other, and as what others are compared with. What has neither
 * goes where the least are in flight.
 */
export const sessionHash: Policy = (asked, candidates) => {
  const key = conversationKey(asked);
  if (key === undefined) return leastInFlight(asked, candidates);
  return { replica: firstOf(candidates, byWeightFor(key)).id, reason: 'session' };
};
