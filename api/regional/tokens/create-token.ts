import type { TokenRequest } from '#shared/contract/deployment.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { TokenReply } from '#shared/contract/resource.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import { readAccess, type EndpointAccess } from './read-access.ts';
import { planTokens, seekTokenIntent } from './token-intents.ts';
import { storedScope, tokenReply } from './token-scope.ts';

/** Rounds against others who change the tokens of the endpoint at the same time. */
const roundsMax = 16;

/** A token as asked for. */
export interface TokenOrder extends TokenRequest {
  endpointId: string;
}

/** Which stored intent a token derives from. */
interface Origin {
  intentId: string;
  at: number;
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
  const bodyHash = context.keys.requestHash('create-token', [endpointId, request]);
  const replyOf = (origin: Origin): Answer<{ token: TokenReply }> => {
    const { tokenId: id, value } = context.keys.laterToken(endpointId, origin);
    const createdAt = new Date(origin.at).toISOString();
    const shown = tokenReply({ tokenId: id, managed: false, createdAt, ...storedScope(request) });
    return { status: 202, revision: null, body: { token: { ...shown, value } } };
  };
  for (let round = 0; round < roundsMax; round += 1) {
    const present = await readAccess(context, call, endpointId);
    const stands = (origin: Origin): boolean => {
      const { tokenId } = context.keys.laterToken(endpointId, origin);
      return present.access.tokens.some((token) => token.tokenId === tokenId);
    };
    const { intentId, replayed } = seekTokenIntent(context, call, { ...present, bodyHash, stands });
    if (replayed !== null) return replyOf({ intentId, at: replayed.at });
    refuse(context, present, order);
    const at = context.clock.now();
    const { tokenId, hash } = context.keys.laterToken(endpointId, { intentId, at });
    const token = { tokenId, hash, managed: false, createdAt: new Date(at).toISOString(), ...storedScope(request) };
    const intent = planTokens(present, [...present.access.tokens, token], {
      intentId,
      bodyHash,
      at,
      verb: 'create_token',
      actor: call.principal.tokenId,
      requestId: call.requestId,
      summary: `created token ${request.name} (${tokenId})`,
    });
    const result = await context.committer.commit(intent);
    if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
    if (result.kind === 'committed') return replyOf({ intentId, at: result.at ?? at });
  }
  throw new AppError('conflict', { message: 'The tokens of the endpoint are changed all the time. Try again.' });
}

function refuse(
  { committer, tokensMax, clock }: RegionContext,
  { spec, access }: EndpointAccess,
  { name, expires_at: expiresAt }: TokenOrder,
): void {
  if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
  const holder = access.tokens.find((token) => token.name === name);
  if (holder !== undefined)
    throw new AppError('name_taken', {
      message: `The endpoint has a token with the name ${name}: ${holder.tokenId}.`,
      details: { id: holder.tokenId },
    });
  if (expiresAt !== undefined && Date.parse(expiresAt) <= clock.now())
    throw new AppError('unprocessable', { problems: [{ path: 'expires_at', message: 'must be in the future' }] });
  if (access.tokens.length >= tokensMax) {
    committer.countRefusal('tokens_max');
    const message = `The endpoint has ${access.tokens.length} tokens, and no more than ${tokensMax} are possible. Delete one.`;
    throw new AppError('unprocessable', { message });
  }
  committer.requireRoom();
}
