import type { TokenRequest } from '#shared/contract/parts.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { TokenReply } from '#shared/contract/resource.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import type { NewToken } from '../endpoints/region-keys.ts';
import { changeTokens, type Origin, type StoredToken } from './change-tokens.ts';
import { requireTokenRoom } from './require-token-room.ts';
import { storedScope, tokenReply } from './token-scope.ts';

/** A token as asked for. */
export interface TokenOrder extends TokenRequest {
  endpointId: string;
}

/**
 * Adds a data-plane token to an endpoint. Names are unique on an endpoint, so that a retry without a key finds the token
 * of the first attempt; its value derives from the stored intent, and no document holds it.
 * @throws AppError `not_found`, `endpoint_deleting`, `name_taken`, `unprocessable` when there are too many,
 * `idempotency_mismatch`, `conflict`, `store_full`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function createToken(
  context: RegionContext,
  call: Call,
  order: TokenOrder,
): Promise<Answer<{ token: TokenReply }>> {
  const { endpointId, ...request } = order;
  const { keys } = context;
  const made = (origin: Origin): NewToken => keys.laterToken(endpointId, origin);
  const stored = (origin: Origin): StoredToken => {
    const { tokenId, hash } = made(origin);
    return { tokenId, hash, managed: false, createdAt: new Date(origin.at).toISOString(), ...storedScope(request) };
  };
  const { origin } = await changeTokens(context, call, {
    endpointId,
    verb: 'create_token',
    bodyHash: keys.requestHash('create-token', [endpointId, request]),
    stands: (tokens, earlier) => tokens.some(({ tokenId }) => tokenId === made(earlier).tokenId),
    decide: ({ spec, access }, { intentId, at }) => {
      if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
      refuseTakenName(access.tokens, request.name);
      requireTokenRoom(context, access.tokens, request.expires_at);
      const token = stored({ intentId, at });
      return { tokens: [...access.tokens, token], summary: `created token ${request.name} (${token.tokenId})` };
    },
  });
  const token = { ...tokenReply(stored(origin)), value: made(origin).value };
  return { status: 202, revision: null, body: { token } };
}

function refuseTakenName(tokens: readonly StoredToken[], name: string): void {
  const holder = tokens.findLast((token) => token.name === name);
  if (holder === undefined) return;
  throw new AppError('name_taken', {
    message: `The endpoint has a token with the name ${name}: ${holder.tokenId}.`,
    details: { id: holder.tokenId },
  });
}
