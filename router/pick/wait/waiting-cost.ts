/** Classes of requests among those that are held, the first one first. */
export const priorities = ['high', 'normal', 'low'] as const;

/** A class of requests. */
export type Priority = (typeof priorities)[number];

/** A second of waiting makes a request so much cheaper: slow ageing keeps short prompts first. Not swept. */
const ageing = 0.1;
/** How much later a request goes for each class that it gives way to. */
const classFactor = 8;
/** A flow that has had more than this many times the work of the others that wait is put back by the square of it. */
const fairSlack = 2;

/**
 * What a request that waits costs the others, seconds: least uncached work first (shortest job first), and more for a flow
 * that has had more work than the others who wait. `share`: work that its flow has been served beside the mean of theirs
 * (a soft form of VTC, Sheng et al. 2024: within the slack nobody is put back). `ways`: to how many classes it gives way.
 */
export function waitingCost(own: number, ways: number, share: number): number {
  return own * classFactor ** ways * Math.max(1, share / fairSlack) ** 2;
}

/**
 * To how many classes a request gives way. One of high priority goes before others of its own flow and before nobody else's:
 * whoever says it of everything has nothing of it. One of low priority gives way to everybody's.
 */
export function waysOf(priority: Priority = 'normal', flowHasHigh: boolean): number {
  return Number(priority !== 'high' && flowHasHigh) + Number(priority === 'low');
}

/** The cost of one that has waited for so long, milliseconds: the least goes first. */
export function aged(cost: number, ageMs: number): number {
  return cost / (1 + (ageing * Math.max(0, ageMs)) / 1000);
}
