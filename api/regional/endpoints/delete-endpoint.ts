import { AppError } from '#shared/contract/errors.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';
import { seekIntent } from './idempotency.ts';
import { requireMatch } from './if-match.ts';
import { planDeletion } from './intents.ts';
import type { IntentMark } from './next-document.ts';
import { readSpec } from './read-desired.ts';

/** Rounds against writers who change the spec at the same time: a delete is always accepted. */
const roundsMax = 16;

/** What is to be deleted, and under which condition. */
export interface DeleteOrder {
  endpointId: string;
  ifMatch: string | undefined;
}

/**
 * Asks for an endpoint's deletion; asking twice is the same as once.
 * @throws AppError `not_found`, `version_mismatch`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function deleteEndpoint(context: RegionContext, call: Call, order: DeleteOrder): Promise<Answer<null>> {
  const bodyHash = context.keys.requestHash('delete', order.endpointId);
  for (let round = 0; round < roundsMax; round += 1) {
    const previous = await readSpec(context, call, order.endpointId);
    const sought = seekIntent(context, call, { ...previous, intents: previous.spec.intents, bodyHash });
    if (sought.replayed !== null || previous.spec.deletion !== undefined)
      return { status: 202, body: null, revision: sought.replayed?.revision ?? previous.revision };
    requireMatch(order.ifMatch, previous.revision);
    const { intentId } = sought;
    const mark: IntentMark = {
      intentId,
      bodyHash,
      at: context.clock.now(),
      verb: 'delete',
      actor: call.principal.tokenId,
      requestId: call.requestId,
      summary: `asked for the deletion of ${previous.spec.name}`,
    };
    const result = await context.committer.commit(planDeletion(previous, mark));
    if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
    if (result.kind === 'moved') continue;
    return { status: 202, body: null, revision: result.revision };
  }
  throw new AppError('conflict');
}
