import type { RevisedSpec } from '#shared/contract/desired.ts';
import { initialLifecycle, transition, type Lifecycle, type LifecycleEvent } from '#shared/contract/lifecycle.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { hintFor } from '../observe/reasons.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Progress } from '../plan/progress.ts';
import { uncarried } from '../plan/uncarried.ts';

/** Why a change was given up. */
type Rejection = NonNullable<StatusDocument['rejection']>;

/** What happened to an endpoint since its last status. */
export interface LifecycleStep {
  lifecycle: Lifecycle;
  events: LifecycleEvent[];
  rejection: Rejection | null;
}

interface Facts {
  desired: RevisedSpec;
  observed: ObservedState;
  progress: Progress;
  changeDeadlineMs: number;
}

/** The lifecycle that a status stands for. */
export function lifecycleOf(document: StatusDocument | null): Lifecycle {
  if (document === null) return initialLifecycle;
  return { state: document.state, lifecycleSeq: document.lifecycleSeq, live: document.live !== null };
}

/**
 * Decides which events of the contract's table have happened, in order, and applies them. Pure.
 * A change is rejected when it failed for good or ran out of time; an endpoint that lost its replicas or stopped
 * answering is not a change and is never rejected.
 */
export function nextLifecycle(facts: Facts): LifecycleStep {
  const { desired, observed, progress } = facts;
  const document = observed.status.document;
  const step: LifecycleStep = { lifecycle: lifecycleOf(document), events: [], rejection: null };
  const take = (event: LifecycleEvent): void => {
    step.lifecycle = transition(step.lifecycle, event);
    step.events.push(event);
  };
  if (step.lifecycle.state === 'gone') return step;
  if (desired.spec.deletion !== undefined || step.lifecycle.state === 'deleting') {
    if (step.lifecycle.state !== 'deleting') take('deleteRequested');
    else if (progress.tornDown) take('tornDown');
    return step;
  }
  const fresh = document === null || desired.revision > document.observedRevision;
  if (fresh) take('accepted');
  else if (progress.proved && step.lifecycle.state !== 'active') take('proved');
  else if (step.lifecycle.state === 'active' && (!progress.serving || progress.unanswered !== null)) take('lost');
  step.rejection = rejectionOf(facts, fresh);
  if (step.rejection !== null && step.lifecycle.state !== 'active') take('rejected');
  else step.rejection = null;
  return step;
}

function rejectionOf({ desired, observed, progress, changeDeadlineMs }: Facts, fresh: boolean): Rejection | null {
  const { failure, now, status } = observed;
  const document = status.document;
  const at = new Date(now).toISOString();
  if (document?.rejection?.revision === desired.revision) return null;
  if (failure?.revision === desired.revision) return { ...failure, at };
  const refused = uncarried(desired, document?.live ?? null);
  if (refused !== null) return { revision: desired.revision, ...refused, at };
  if (progress.refusal !== null) return { revision: desired.revision, ...progress.refusal, at };
  const recovers = document?.live?.revision === desired.revision;
  if (fresh || document === null || recovers || progress.proved) return null;
  if (now - Date.parse(document.changeSince) < changeDeadlineMs) return null;
  const { reason, message } = progress.stage;
  const hint = `${hintFor(progress.stage, true)} Then change the endpoint again.`;
  return { revision: desired.revision, reason, message, hint, at };
}
