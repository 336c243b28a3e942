import type { EngineAnswer } from '../dialects/dialect.ts';
import type { Usage } from '../replicas/usage.ts';
import type { SlotEnd, SlotFailure } from '../replicas/slot-end.ts';

/**
 * What made an attempt fail before the client saw anything of it: how the replica was lost, or `local` it could not even be
 * asked · `stalled` it answers nobody any more · `late` others are faster · `status` · `error_frame` it said that it cannot.
 */
export type LossReason = SlotFailure | 'local' | 'stalled' | 'late' | 'status' | 'error_frame';

/** A failed attempt that may be made again elsewhere. */
export interface Loss {
  readonly kind: 'lost';
  readonly reason: LossReason;
  /** For the log; may name addresses. */
  readonly detail: string;
  readonly end: SlotEnd;
  /** Only an old connection ended: the same replica is asked once more on a new one. */
  readonly again: boolean;
  /** What the engine said, if it said something: relayed when nobody else can answer. */
  readonly answer?: EngineAnswer;
}

/**
 * How an attempt ended: `done` the client has a whole answer · `answered` the engine refuses the request (4xx) ·
 * `lost` nothing went out · `broken` the answer ended in the middle, and the client was told · `cancelled` the client
 * left, or stalled. `end` is what it says about the replica, which is another matter.
 */
export type AttemptOutcome =
  | { readonly kind: 'done'; readonly usage: Usage | undefined; readonly end: SlotEnd }
  | { readonly kind: 'answered'; readonly answer: EngineAnswer; readonly end: SlotEnd }
  | Loss
  | {
      readonly kind: 'broken';
      readonly reason: LossReason;
      readonly detail: string;
      readonly usage: Usage | undefined;
      readonly end: SlotEnd;
    }
  | { readonly kind: 'cancelled'; readonly end: SlotEnd };

/**
 * How a stream can end: `mark` with its last event · `clean` its body ended as HTTP says it should · `lost` its connection
 * ended or fell silent.
 */
export type StreamEnd = 'mark' | 'clean' | 'lost';

/** What the end of a stream with content says about the answer. An engine's own end mark is its word that there is no more. */
export const answerAtEnd: Readonly<Record<StreamEnd, Readonly<Record<'finished' | 'open', 'whole' | 'broken'>>>> = {
  mark: { finished: 'whole', open: 'whole' },
  clean: { finished: 'whole', open: 'broken' },
  lost: { finished: 'whole', open: 'broken' },
};

/**
 * What the same end says about the replica: a process that ends its answer cleanly is there, whatever its answer is worth;
 * one that was lost is lost, even behind a whole answer.
 */
export function replicaAtEnd(how: StreamEnd, answer: 'whole' | 'broken', reason: LossReason): SlotEnd {
  if (how === 'lost') return lossEnd(reason);
  return answer === 'whole' ? { kind: 'answered', usage: undefined } : { kind: 'left' };
}

/** What a loss says about the replica. An answer of nothing is a fault like a 500: maybe the request's. */
export function lossEnd(reason: LossReason): SlotEnd {
  switch (reason) {
    case 'local':
    case 'stalled':
    case 'late':
      return { kind: 'left' };
    case 'status':
    case 'error_frame':
    case 'truncated':
      return { kind: 'faulted' };
    case 'connect':
    case 'reset':
    case 'protocol':
    case 'timeout':
    case 'unauthorized':
      return { kind: 'failed', failure: reason };
  }
}

/**
 * What an answer without content means: 401 is somebody else's engine, 429 and 5xx another replica's chance, 4xx is final.
 * What is no such answer at all is a fault as well: the same request may get it from every replica.
 */
export function verdictOf(answer: EngineAnswer, reason: 'status' | 'error_frame'): AttemptOutcome {
  const { status } = answer;
  const detail = `the model server answered ${status}`;
  const lost = { kind: 'lost', detail, again: false } as const;
  if (status === 401) return { ...lost, reason: 'unauthorized', end: { kind: 'failed', failure: 'unauthorized' } };
  if (status === 429 || status === 503) return { ...lost, reason, answer, end: { kind: 'refused' } };
  if (status >= 500) return { ...lost, reason, answer, end: { kind: 'faulted' } };
  if (status >= 400) return { kind: 'answered', answer, end: { kind: 'answered', usage: undefined } };
  return { ...lost, reason: 'protocol', detail: `${detail}, and no such answer`, end: { kind: 'faulted' } };
}
