import { AppError } from '#shared/contract/errors.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import { readAccess } from './read-access.ts';
import { planTokens, seekTokenIntent } from './token-intents.ts';

/** Rounds against others who change the tokens of the endpoint at the same time: a revocation is always accepted. */
const roundsMax = 16;

/** Which token of which endpoint. */
export interface TokenAddress {
  endpointId: string;
  tokenId: string;
}

/**
 * Revokes a data-plane token: routers refuse it as soon as they hear of the document.
 * @throws AppError `not_found`, `idempotency_mismatch`, `conflict`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function deleteToken(context: RegionContext, call: Call, address: TokenAddress): Promise<Answer<null>> {
  const { endpointId, tokenId } = address;
  const bodyHash = context.keys.requestHash('delete-token', [endpointId, tokenId]);
  const done: Answer<null> = { status: 204, revision: null, body: null };
  for (let round = 0; round < roundsMax; round += 1) {
    const present = await readAccess(context, call, endpointId);
    const token = present.access.tokens.find((one) => one.tokenId === tokenId);
    const stands = (): boolean => token === undefined;
    const { intentId, replayed } = seekTokenIntent(context, call, { ...present, bodyHash, stands });
    if (replayed !== null) return done;
    if (token === undefined) throw new AppError('not_found');
    const others = present.access.tokens.filter((one) => one !== token);
    const intent = planTokens(present, others, {
      intentId,
      bodyHash,
      at: context.clock.now(),
      verb: 'revoke_token',
      actor: call.principal.tokenId,
      requestId: call.requestId,
      summary: `revoked token ${token.name} (${tokenId})`,
    });
    const result = await context.committer.commit(intent);
    if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
    if (result.kind === 'committed') return done;
  }
  throw new AppError('conflict', { message: 'The tokens of the endpoint are changed all the time. Try again.' });
}
