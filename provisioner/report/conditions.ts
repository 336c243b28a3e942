import type { Condition, StatusDocument } from '#shared/contract/status.ts';
import type { Progress } from '../plan/progress.ts';

interface ConditionInput {
  /** The next status, its conditions not yet filled in. */
  document: StatusDocument;
  progress: Progress;
  before: StatusDocument | null;
  /** What to say while no router at all is heard, else null. */
  silence: string | null;
  at: string;
}

type Judged = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Kubernetes-style conditions; `lastTransitionTime` moves with `status` and never otherwise. Pure. */
export function conditionsOf({ document, progress, before, silence, at }: ConditionInput): Condition[] {
  const judged = [
    accepted(document),
    scheduled(progress),
    replicasReady(progress),
    reachable(document, progress, silence),
    ...readiness(document, progress),
  ];
  return judged.map((condition) => {
    const known = before?.conditions.find(({ type }) => type === condition.type);
    const since = known?.status === condition.status ? known.lastTransitionTime : at;
    return { ...condition, observedRevision: document.observedRevision, lastTransitionTime: since };
  });
}

function accepted({ rejection, observedRevision }: StatusDocument): Judged {
  if (rejection?.revision === observedRevision)
    return { type: 'Accepted', status: 'False', reason: rejection.reason, message: rejection.message };
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'The newest spec was taken up.' };
}

function scheduled({ stage, replicas }: Progress): Judged {
  const waits = stage.phase === 'node' || stage.phase === 'capacity';
  if (waits) return { type: 'Scheduled', status: 'False', reason: stage.reason, message: stage.message };
  if (replicas.desired === 0) return { type: 'Scheduled', status: 'Unknown', reason: 'NoReplicas', message: '' };
  return { type: 'Scheduled', status: 'True', reason: 'Scheduled', message: 'Every replica has a node.' };
}

function replicasReady({ complete, replicas: { desired, ready }, stage, doubt }: Progress): Judged {
  const message = `${ready} of ${desired} replicas are ready.`;
  if (doubt !== null) return { type: 'ReplicasReady', status: 'Unknown', ...doubt };
  if (complete) return { type: 'ReplicasReady', status: 'True', reason: 'AllReady', message };
  return { type: 'ReplicasReady', status: 'False', reason: stage.reason, message };
}

const answered = { reason: 'Answered', message: 'An inference was answered through every listener.' };

/** An active endpoint goes on being it while no router is heard: nothing is known against it. */
function reachable({ state }: StatusDocument, { stage, unanswered }: Progress, silence: string | null): Judged {
  if (unanswered !== null) return { type: 'Reachable', status: 'False', reason: 'ProofFailed', message: unanswered };
  if (silence !== null) return { type: 'Reachable', status: 'Unknown', reason: 'NoRouter', message: silence };
  if (state === 'active') return { type: 'Reachable', status: 'True', ...answered };
  return { type: 'Reachable', status: 'Unknown', reason: stage.reason, message: stage.message };
}

function readiness({ state, rejection, observedRevision }: StatusDocument, { stage, unanswered }: Progress): Judged[] {
  const active = state === 'active';
  const failed = unanswered === null ? stage : { reason: 'ProofFailed', message: unanswered };
  const { reason, message } = active ? answered : failed;
  const stalled = rejection?.revision === observedRevision;
  return [
    { type: 'Ready', status: active ? 'True' : 'False', reason, message },
    {
      type: 'Stalled',
      status: stalled ? 'True' : 'False',
      reason: stalled ? (rejection?.reason ?? 'Rejected') : 'Progressing',
      message: stalled ? (rejection?.hint ?? '') : '',
    },
  ];
}
