import { AppError } from '#shared/contract/errors.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import { changeTokens } from './change-tokens.ts';

/** Which token of which endpoint. */
export interface TokenAddress {
  endpointId: string;
  tokenId: string;
}

/**
 * Revokes a data-plane token: routers refuse it as soon as they hear of the document. A request that has been let in with it
 * goes on to its end.
 * @throws AppError `not_found`, `idempotency_mismatch`, `conflict`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function deleteToken(context: RegionContext, call: Call, address: TokenAddress): Promise<Answer<null>> {
  const { endpointId, tokenId } = address;
  await changeTokens(context, call, {
    endpointId,
    verb: 'revoke_token',
    bodyHash: context.keys.requestHash('delete-token', [endpointId, tokenId]),
    stands: (tokens) => tokens.every((token) => token.tokenId !== tokenId),
    decide: ({ access }) => {
      const token = access.tokens.find((one) => one.tokenId === tokenId);
      if (token === undefined) throw new AppError('not_found');
      const others = access.tokens.filter((one) => one !== token);
      return { tokens: others, summary: `revoked token ${token.name} (${tokenId})` };
    },
  });
  return { status: 204, revision: null, body: null };
}
