import { conditionTypes, type Condition, type StatusDocument } from '#shared/contract/status.ts';
import type { PodStage } from '../observe/pod-view.ts';
import { hintFor } from '../observe/reasons.ts';
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

/** Why a condition has its status, in words that have hints. */
type Cause = Pick<PodStage, 'reason' | 'message'>;

type Judged = Pick<Condition, 'status' | 'reason' | 'message' | 'hint'>;

/** Kubernetes-style conditions; `lastTransitionTime` moves with `status` and never otherwise. Pure. */
export function conditionsOf({ document, progress, before, silence, at }: ConditionInput): Condition[] {
  const judge = (status: Condition['status'], { reason, message }: Cause): Judged => {
    const hint = hintFor({ phase: progress.stage.phase, reason, message });
    return { status, reason, message, ...(hint !== '' && { hint }) };
  };
  const { rejection, observedRevision, state } = document;
  const rejected = rejection?.revision === observedRevision ? rejection : null;
  const judged: Record<Condition['type'], Judged> = {
    Accepted: rejected === null ? judge('True', accepted) : refuse('False', rejected),
    Scheduled: judge(...scheduled(progress)),
    ReplicasReady: judge(...replicasReady(progress)),
    Reachable: judge(...reachable(document, progress, silence)),
    Ready: state === 'active' ? judge('True', answered) : judge('False', failure(progress) ?? progress.stage),
    Stalled: rejected === null ? judge('False', progressing) : refuse('True', rejected),
  };
  return conditionTypes.map((type) => {
    const known = before?.conditions.find((condition) => condition.type === type);
    const since = known?.status === judged[type].status ? known.lastTransitionTime : at;
    return { type, ...judged[type], observedRevision, lastTransitionTime: since };
  });
}

const accepted: Cause = { reason: 'Accepted', message: 'The newest spec was taken up.' };
const answered: Cause = { reason: 'Answered', message: 'An inference was answered through every listener.' };
const progressing: Cause = { reason: 'Progressing', message: '' };

function refuse(
  status: Condition['status'],
  { reason, message, hint }: NonNullable<StatusDocument['rejection']>,
): Judged {
  return { status, reason, message, hint };
}

function scheduled({ stage, replicas }: Progress): [Condition['status'], Cause] {
  if (stage.phase === 'node' || stage.phase === 'capacity') return ['False', stage];
  if (replicas.desired === 0) return ['Unknown', { reason: 'NoReplicas', message: '' }];
  return ['True', { reason: 'Scheduled', message: 'Every replica has a node.' }];
}

function replicasReady(progress: Progress): [Condition['status'], Cause] {
  const { complete, replicas, stage, doubt } = progress;
  const message = `${replicas.ready} of ${replicas.desired} replicas are ready.`;
  if (doubt !== null) return ['Unknown', doubt];
  return complete ? ['True', { reason: 'AllReady', message }] : ['False', { reason: stage.reason, message }];
}

/** An active endpoint goes on being it while no router is heard: nothing is known against it. */
function reachable(
  { state }: StatusDocument,
  progress: Progress,
  silence: string | null,
): [Condition['status'], Cause] {
  const failed = failure(progress);
  if (failed !== null) return ['False', failed];
  if (silence !== null) return ['Unknown', { reason: 'NoRouter', message: silence }];
  return state === 'active' ? ['True', answered] : ['Unknown', progress.stage];
}

function failure({ unanswered }: Progress): Cause | null {
  return unanswered === null ? null : { reason: 'ProofFailed', message: unanswered };
}
