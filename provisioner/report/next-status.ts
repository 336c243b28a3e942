import { isDeepStrictEqual } from 'node:util';
import type { RevisedSpec } from '#shared/contract/desired.ts';
import type { LifecycleEvent } from '#shared/contract/lifecycle.ts';
import type { Phase, StatusDocument } from '#shared/contract/status.ts';
import { hintFor } from '../observe/reasons.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PlanSettings } from '../plan/settings.ts';
import { chooseSpec, hostsOf } from '../plan/choose-spec.ts';
import { advanceOf, changeDeadline } from './change-deadline.ts';
import { changeProgress, pastChangesOf } from './change-progress.ts';
import { conditionsOf } from './conditions.ts';
import { drainingOf } from './draining.ts';
import { nextLifecycle } from './next-lifecycle.ts';
import type { Progress } from '../plan/progress.ts';

/** The next status and what happened, or null when there is nothing to write. */
export type NextStatus = { document: StatusDocument; events: LifecycleEvent[] } | null;

/** How many entries of the phase history are kept. */
const historyMax = 64;

/** The status after one look. Equal to the last one but for `updatedAt` means: nothing to write. Pure. */
export function nextStatus(
  desired: RevisedSpec,
  observed: ObservedState,
  given: { progress: Progress; settings: PlanSettings },
): NextStatus {
  const { progress, settings } = given;
  const before = observed.status.document;
  const at = new Date(observed.now).toISOString();
  const changeDeadlineMs = changeDeadline(observed, progress, settings);
  const caCertificates = settings.caCertificates();
  const { lifecycle, events, rejection } = nextLifecycle({ desired, observed, progress, changeDeadlineMs });
  if (before?.state === 'gone') return null;
  const { spec, of } = chooseSpec(desired, observed);
  const draining = drainingOf(observed);
  const shown = shownStage(lifecycle.state, progress);
  const moved = before === null || before.phase !== shown.phase;
  const began = events.some((event) => event === 'accepted' || event === 'lost' || event === 'deleteRequested');
  const changeSince = before === null || began ? at : before.changeSince;
  const hint = hintOf(lifecycle.state, progress, observed.now - Date.parse(changeSince) >= changeDeadlineMs);
  const observedRevision = Math.max(desired.revision, before?.observedRevision ?? 0);
  const document: StatusDocument = {
    v: 1,
    endpointId: desired.spec.endpointId,
    state: lifecycle.state,
    lifecycleSeq: lifecycle.lifecycleSeq,
    observedRevision,
    live: liveOf({ desired, of, proved: events.includes('proved'), ended: !lifecycle.live, before }),
    phase: shown.phase,
    phaseSince: moved ? at : before.phaseSince,
    changeSince,
    reason: shown.reason,
    message: shown.message,
    ...(hint !== '' && { hint }),
    conditions: [],
    replicas: progress.replicas,
    replicaList: progress.replicaList.slice(0, 512),
    ...(draining !== undefined && { draining }),
    hosts: lifecycle.state === 'gone' ? null : hostsOf(spec, settings.hostDomain),
    ...(caCertificates.length > 0 && { caCertificates: [...caCertificates] }),
    rejection: rejection ?? keptRejection(before, events),
    history: moved ? [...(before?.history ?? []), entry(shown, at)].slice(-historyMax) : before.history,
    updatedAt: at,
    writer: settings.writer,
  };
  const { deployments } = spec;
  const change = changeProgress(document, {
    before,
    deployments,
    pastChanges: observed.pastChanges,
    now: observed.now,
  });
  if (change !== undefined) document.progress = change;
  const advance = advanceOf(document, before, progress);
  if (advance !== undefined) document.advance = advance;
  const past = pastChangesOf(document, before, events.includes('proved'));
  if (past !== undefined) document.pastChanges = past;
  document.conditions = conditionsOf({ document, progress, before, silence: observed.silence, at });
  return before !== null && isSameStatus(before, document) ? null : { document, events };
}

/**
 * While an endpoint serves, its phase says so; what is still missing stands in the conditions. Until it has answered for a
 * change, that change is not done, however ready its replicas are.
 */
function shownStage(state: StatusDocument['state'], { stage, complete }: Progress): Progress['stage'] {
  if (state !== 'active')
    return stage.phase === 'done'
      ? { phase: 'proof', reason: 'Proving', message: 'Waiting for a first answer through every listener.' }
      : stage;
  return complete
    ? { phase: 'done', reason: 'Active', message: 'The endpoint answers.' }
    : { phase: 'done', reason: 'Degraded', message: stage.message };
}

/** Of an endpoint that serves: what is missing. Else of the change, a deletion too; past its deadline waiting is no advice. */
function hintOf(state: StatusDocument['state'], { stage, complete }: Progress, overdue: boolean): string {
  if (state === 'gone' || (state === 'active' && complete)) return '';
  return hintFor(stage, overdue && state !== 'active');
}

interface LiveInput {
  desired: RevisedSpec;
  of: 'desired' | 'live';
  proved: boolean;
  ended: boolean;
  before: StatusDocument | null;
}

function liveOf({ desired, of, proved, ended, before }: LiveInput): StatusDocument['live'] {
  if (ended) return null;
  if (!proved || of === 'live') return before?.live ?? null;
  const { version, name, enablePublicEndpoint, deployments, createdAt, updatedAt } = desired.spec;
  return { revision: desired.revision, version, name, enablePublicEndpoint, deployments, createdAt, updatedAt };
}

/** A rejection is shown until another change has succeeded, or the same one after all. */
function keptRejection(before: StatusDocument | null, events: readonly LifecycleEvent[]): StatusDocument['rejection'] {
  const rejection = before?.rejection ?? null;
  if (rejection === null || !events.includes('proved')) return rejection;
  return rejection.revision === before?.observedRevision && before.live !== null ? rejection : null;
}

function entry({ phase, reason }: { phase: Phase; reason: string }, at: string): StatusDocument['history'][number] {
  return { phase, at, reason };
}

function isSameStatus(a: StatusDocument, b: StatusDocument): boolean {
  const { updatedAt: _atA, writer: _writerA, ...restA } = a;
  const { updatedAt: _atB, writer: _writerB, ...restB } = b;
  return isDeepStrictEqual(restA, restB);
}
