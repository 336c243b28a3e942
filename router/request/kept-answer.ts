import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { answerKey } from '../access/answer-key.ts';
import type { Caller, Gate } from '../access/authenticate.ts';
import type { Picker } from '../pick/picker.ts';
import { processOf } from '../replicas/known-pools.ts';
import type { KeptAnswer } from '../replicas/kept-answers.ts';
import type { InferenceRequest } from './inference-request.ts';
import { poolOfReplica } from './served-models.ts';

/** What answers are looked up with. */
export interface Lookup {
  readonly gate: Gate;
  readonly picker: Picker;
}

/**
 * Prepares a request about an answer that was given before, for the replica that keeps it.
 * @throws AppError as `findKept` does
 */
export async function askKeeper(request: InferenceRequest, caller: Caller, lookup: Lookup): Promise<void> {
  const { dialect, incoming } = request;
  const [path = '', query = ''] = (incoming.url ?? '').split('?', 2);
  const id = path.split('/')[dialect.path.split('/').indexOf(':id')] ?? '';
  const { answer, pool } = await findKept(id, caller, lookup);
  const streamed = dialect.aboutAnswer?.isStreamed(new URLSearchParams(query)) === true;
  request.ask(answer.replica, { caller, pool, streamed });
}

/**
 * Who keeps the answer with this id, as far as this caller may know; `param`: the field of the body that names it.
 * @throws AppError `not_found` for an id that is unknown, of another isolation group, or of a replica that is gone;
 * `overloaded`, `unavailable` when it cannot be looked up.
 */
export async function findKept(
  id: string,
  caller: Caller,
  { gate, picker, param }: Lookup & { readonly param?: string | undefined },
): Promise<{ answer: KeptAnswer; pool: PoolDocument }> {
  if (caller.kind === 'token') {
    const answer = await picker.keptAt(answerKey(gate.tokenHashKey, caller, id), caller.endpointId);
    const pool = poolOfReplica(
      gate.pools,
      caller,
      (replica) => replica.replicaId === answer?.replica && processOf(replica) === answer.process,
    );
    if (answer !== undefined && pool !== undefined) return { answer, pool };
  }
  const message = `No answer with the id "${id.slice(0, 200)}" is kept here: it is unknown, or its replica is gone.`;
  throw new AppError('not_found', { message, ...(param !== undefined && { param }) });
}
