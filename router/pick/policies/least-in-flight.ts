import { byLoad, byWeightFor, conversationKey, firstOf, type Policy } from './policy.ts';

/** Where the least are in flight, of all routers, whoever has the conversation. For prompts that have nothing in common. */
export const leastInFlight: Policy = (asked, candidates) => {
  const byWeight = byWeightFor(conversationKey(asked) ?? 0n);
  const { id } = firstOf(
    candidates,
    (a, b) => byLoad(a, b) || b.matchedBlock - a.matchedBlock || a.lastPick - b.lastPick || byWeight(a, b),
  );
  return { replica: id, reason: 'least_in_flight' };
};
