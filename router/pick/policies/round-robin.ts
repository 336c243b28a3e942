import { firstOf, type Policy } from './policy.ts';

/**
 * To one after the other: who was picked longest ago by this router, at first in the order of their ids. For engines
 * without a prefix cache and requests of one size; and as what others are compared with.
 */
export const roundRobin: Policy = (_, candidates) => {
  const { id } = firstOf(candidates, (a, b) => a.lastPick - b.lastPick || (a.id < b.id ? -1 : 1));
  return { replica: id, reason: 'round_robin' };
};
