/** A class of requests among those that wait for a replica that computes others. */
export type Priority = 'high' | 'normal' | 'low';

/** Seconds below which requests are alike: a step of the engine costs that much, whatever it computes. */
const leastOwn = 0.02;
/** A second of waiting makes a request so much cheaper: slow ageing keeps short turns first. Not swept: the value of a published simulation. */
const ageing = 0.1;
/** How much one class counts beside the next one. */
const classFactor = 8;
/** A flow that has had more than this many times the work of the others that wait is put back by the square of it. */
const fairSlack = 2;

/**
 * What a request that waits costs the others, seconds: least uncached work first (shortest job first keeps hot sessions
 * hot), more for a flow that has had more work than the others who wait, and by class of priority. `share`: work that its
 * flow has been served beside the mean of theirs (a soft form of VTC, Sheng et al. 2024: within the slack nobody is put back).
 */
export function waitingCost(own: number, priority: Priority = 'normal', share: number): number {
  const classes = { high: 1 / classFactor, normal: 1, low: classFactor } as const;
  return Math.max(own, leastOwn) * classes[priority] * Math.max(1, share / fairSlack) ** 2;
}

/** The cost of one that has waited for so long, milliseconds: the least goes first. */
export function aged(cost: number, ageMs: number): number {
  return cost / (1 + (ageing * Math.max(0, ageMs)) / 1000);
}
