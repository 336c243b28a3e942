import type { ModelDeployment } from '#shared/contract/desired.ts';
import {
  changeSteps,
  type ChangeProgress,
  type ChangeStep,
  type PastChange,
  type ReadyEstimate,
  type StatusDocument,
} from '#shared/contract/status.ts';
import { groupsOf, timeToReady } from '#shared/contract/time-to-ready.ts';

/** What an estimate is made of. */
interface EstimateInput {
  before: StatusDocument | null;
  deployments: readonly ModelDeployment[];
  pastChanges: readonly PastChange[];
  now: number;
}

/** How far the change is that the next status tells of, or nothing while none is under way. Pure. */
export function changeProgress(next: StatusDocument, input: EstimateInput): ChangeProgress | undefined {
  const step = changeSteps.find((one) => one === next.phase);
  if (step === undefined || (next.state !== 'provisioning' && next.state !== 'updating')) return undefined;
  const estimate = estimateOf(next, step, input);
  return {
    passed: changeSteps.indexOf(step),
    steps: changeSteps.length,
    ...(estimate !== undefined && { estimate }),
  };
}

/** What was told of the step goes on holding until what is known now differs from it: a status is no clock. */
function estimateOf(next: StatusDocument, step: ChangeStep, input: EstimateInput): ReadyEstimate | undefined {
  const { before, deployments, pastChanges, now } = input;
  const inStepMs = Math.max(0, now - Date.parse(next.phaseSince));
  // Nodes come when they come; all else that somebody has to mend takes as long as that takes.
  if (next.hint !== undefined && step !== 'node') return undefined;
  const time = timeToReady(pastChanges, { groups: groupsOf(deployments), step, inStepMs });
  if (time === null) return undefined;
  const { medianMs, p90Ms, likeness, changes } = time;
  const told = before?.phaseSince === next.phaseSince ? before.progress?.estimate : undefined;
  const apart = (told: string, ms: number): boolean => Math.abs(Date.parse(told) - now - ms) > toleranceMs(inStepMs);
  if (told !== undefined && !apart(told.readyAt, medianMs) && !apart(told.readyBy, p90Ms)) return told;
  const instant = (ms: number): string => new Date(now + ms).toISOString();
  return { readyAt: instant(medianMs), readyBy: instant(p90Ms), likeness, changes };
}

/** It grows with the time in the step, so that a step which takes longer than ever is told anew a few times, not every second. */
function toleranceMs(inStepMs: number): number {
  return Math.max(5000, inStepMs / 4);
}

/** Changes of one endpoint that are remembered. */
const pastChangesMax = 8;

/**
 * The changes of an endpoint that came about, with the one that has just been proven. A change that was given up meanwhile,
 * a recovery, and one whose beginning the history no longer has, say nothing of how long changes take. Pure.
 */
export function pastChangesOf(
  next: StatusDocument,
  before: StatusDocument | null,
  proved: boolean,
): PastChange[] | undefined {
  const known = before?.pastChanges;
  if (!proved || before === null || next.live === null) return known;
  const came = before.live?.revision !== next.live.revision && before.rejection?.revision !== next.live.revision;
  const began = next.history.findLastIndex(({ at }) => at === before.changeSince);
  if (!came || began < 0) return known;
  const stepMs: PastChange['stepMs'] = {};
  for (const [index, { phase, at }] of next.history.slice(began).entries()) {
    const step = changeSteps.find((one) => one === phase);
    const until = next.history[began + index + 1]?.at ?? next.updatedAt;
    if (step !== undefined) stepMs[step] = (stepMs[step] ?? 0) + Math.max(0, Date.parse(until) - Date.parse(at));
  }
  const change = { at: next.updatedAt, groups: groupsOf(next.live.deployments), stepMs };
  return [...(known ?? []), change].slice(-pastChangesMax);
}
