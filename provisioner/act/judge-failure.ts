import { isConflict, isForbiddenTerminating, isInvalid, isNotFound, isPreconditionFailed } from '../kube/kube-error.ts';
import { fenceMessages } from '../manifests/fence.ts';
import type { PermanentFailure } from '../observe/observed-state.ts';
import { MovedOnError } from '../desired/documents.ts';
import type { Step } from '../plan/step.ts';

/**
 * What a failed step means. `stale`: the fence refused it, a newer spec has been here, so this work is dropped.
 * `moved`: what was seen has changed, look again. `permanent`: it fails however often it is tried. `unknown`: try again
 * with back-off.
 */
export type StepFailure =
  | { kind: 'stale'; message: string }
  | { kind: 'moved'; message: string }
  | { kind: 'permanent'; failure: Omit<PermanentFailure, 'revision'> }
  | { kind: 'unknown'; error: unknown };

/** Judges the error of a step. Pure. */
export function judgeFailure(step: Step, error: unknown): StepFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (isInvalid(error) && Object.values(fenceMessages).some((text) => message.includes(text)))
    return { kind: 'stale', message };
  const moved = isPreconditionFailed(error) || isConflict(error) || isForbiddenTerminating(error);
  if (moved || isNotFound(error) || error instanceof MovedOnError) return { kind: 'moved', message };
  const applies = step.kind === 'apply' || step.kind === 'create-resource';
  if (!applies || !isInvalid(error)) return { kind: 'unknown', error };
  const hint =
    'The cluster does not take these objects; see its message, and report it with the version of the cluster.';
  return { kind: 'permanent', failure: { reason: 'Invalid', message, hint } };
}
