import type { ModelDeployment } from './desired.ts';
import {
  changeSteps,
  likenesses,
  type ChangeGroup,
  type ChangeStep,
  type Likeness,
  type PastChange,
} from './status.ts';

/** What is waited for: a change that has been in a step for some time. One that has not begun is 0 ms in `capacity`. */
export interface AwaitedChange {
  groups: readonly ChangeGroup[];
  step: ChangeStep;
  inStepMs: number;
}

/** Time that is left until a change is ready, milliseconds: half of the earlier ones took no longer, and nine of ten. */
export interface TimeToReady {
  medianMs: number;
  p90Ms: number;
  likeness: Likeness;
  /** How many earlier changes say so. */
  changes: number;
}

/** So many of the newest changes of one likeness count: older ones were made by other images and networks. */
export const changesMax = 20;

/** A step counts as being on its way until it has taken twice as long as ever before and this more, milliseconds. */
const patienceMs = 10_000;

/** The kinds of replicas that a spec asks for, each once. */
export function groupsOf(deployments: readonly ModelDeployment[]): ChangeGroup[] {
  const groups = deployments.flatMap(({ slug, providerModelId, accelerators }) =>
    accelerators.map(({ slug: accelerator }) => ({ accelerator, model: providerModelId || slug })),
  );
  return [...new Map(groups.map((group) => [keyOf(group), group])).values()];
}

/** A change as it counts for another team: which models a team deploys is not told. */
export function ofAnotherTeam(change: PastChange): PastChange {
  return { ...change, groups: change.groups.map(({ accelerator }) => ({ accelerator, model: '' })) };
}

/** What two changes have in common if they are this like. Pure. */
export function likenessKey(likeness: Likeness, groups: readonly ChangeGroup[]): string {
  if (likeness === 'any') return '';
  const keys = groups.map((group) => (likeness === 'model' ? keyOf(group) : group.accelerator));
  return [...new Set(keys)].toSorted().join('\n');
}

/**
 * How long a change still takes, from how long earlier ones took from the same step on; null where none of them says. The
 * most like ones that say anything decide. Of those, the ones that had not left the step by now count; if all had, what
 * they took after it, until the step has lasted so much longer than ever that nothing is known any more. Pure.
 */
export function timeToReady(past: readonly PastChange[], awaited: AwaitedChange): TimeToReady | null {
  for (const likeness of likenesses) {
    const key = likenessKey(likeness, awaited.groups);
    const like = past
      .filter(({ groups, stepMs }) => likenessKey(likeness, groups) === key && passed(stepMs, awaited.step))
      .toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
      .slice(0, changesMax);
    const left = timesLeft(like, awaited);
    if (left.length > 0)
      return { medianMs: quantile(left, 0.5), p90Ms: quantile(left, 0.9), likeness, changes: left.length };
  }
  return null;
}

/** It went through the step, however quickly: it began there or before. A change of a name begins with its proof. */
function passed(stepMs: PastChange['stepMs'], step: ChangeStep): boolean {
  return changeSteps.slice(0, changeSteps.indexOf(step) + 1).some((one) => stepMs[one] !== undefined);
}

/** In rising order. */
function timesLeft(past: readonly PastChange[], { step, inStepMs }: AwaitedChange): number[] {
  const later = changeSteps.slice(changeSteps.indexOf(step) + 1);
  const times = past.map(({ stepMs }) => ({
    inStep: stepMs[step] ?? 0,
    after: later.reduce((sum, one) => sum + (stepMs[one] ?? 0), 0),
  }));
  const longest = Math.max(0, ...times.map(({ inStep }) => inStep));
  const still = times.filter(({ inStep }) => inStep > inStepMs);
  const counted = still.length > 0 || inStepMs > 2 * longest + patienceMs ? still : times;
  return counted.map(({ inStep, after }) => Math.max(0, inStep - inStepMs) + after).toSorted((a, b) => a - b);
}

/** The smallest value that a share of them does not exceed (nearest rank). */
function quantile(rising: readonly number[], share: number): number {
  return rising[Math.ceil(share * rising.length) - 1] ?? 0;
}

function keyOf({ accelerator, model }: ChangeGroup): string {
  return `${accelerator} ${model}`;
}
