/** A condition as Kubernetes has it, before it is known since when. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  observedGeneration: number;
}

/** Conditions with the moment of their last change: that of before where the status is the same. Pure. */
export function withTimes(
  conditions: readonly Condition[],
  before: readonly (Partial<Condition> & { lastTransitionTime?: string })[],
  now: number,
): (Condition & { lastTransitionTime: string })[] {
  return conditions.map((condition) => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    return { ...condition, lastTransitionTime: same?.lastTransitionTime ?? new Date(now).toISOString() };
  });
}
