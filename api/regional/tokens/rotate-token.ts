import type { RotationRequest } from '#shared/contract/parts.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { TokenReply } from '#shared/contract/resource.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import type { NewToken } from '../endpoints/region-keys.ts';
import { changeTokens, type Origin, type StoredToken } from './change-tokens.ts';
import type { TokenAddress } from './delete-token.ts';
import { requireTokenRoom } from './require-token-room.ts';
import { tokenReply } from './token-scope.ts';

/** Which token is to be replaced, and for how long it stays good beside its successor. */
export interface RotationOrder extends TokenAddress, RotationRequest {}

/**
 * Makes a token's successor, of the same name and good for the same, and lets the token end after the overlap: one commit,
 * so that there is no instant at which neither is good.
 * @throws AppError `not_found`, `endpoint_deleting`, `conflict` for a token that has
 * been replaced before, `unprocessable`, `idempotency_mismatch`, `store_full`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function rotateToken(
  context: RegionContext,
  call: Call,
  order: RotationOrder,
): Promise<Answer<{ token: TokenReply }>> {
  const { endpointId, tokenId, overlap_seconds: overlapSeconds, expires_at: expiresAt } = order;
  const { keys } = context;
  const made = (origin: Origin): NewToken => keys.laterToken(endpointId, origin);
  const successorIn = (tokens: readonly StoredToken[], origin: Origin): StoredToken | undefined =>
    tokens.find((token) => token.tokenId === made(origin).tokenId);
  const { origin, tokens } = await changeTokens(context, call, {
    endpointId,
    verb: 'rotate_token',
    bodyHash: keys.requestHash('rotate-token', [endpointId, tokenId, overlapSeconds, expiresAt]),
    stands: (present, earlier) => successorIn(present, earlier) !== undefined,
    decide: ({ spec, access }, now) => {
      const old = access.tokens.find((token) => token.tokenId === tokenId);
      if (old === undefined) throw new AppError('not_found');
      if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
      refuseReplaced(old);
      const next = successorOf(old, made(now), { at: now.at, expiresAt });
      const ending = overlapSeconds === 0 ? [] : [endingToken(old, next.tokenId, now.at + overlapSeconds * 1000)];
      const rest = access.tokens.flatMap((token) => (token === old ? ending : [token]));
      requireTokenRoom(context, rest, expiresAt);
      const summary = `rotated token ${old.name} (${tokenId}): ${next.tokenId}, overlap ${overlapSeconds} s`;
      return { tokens: [...rest, next], summary };
    },
  });
  const successor = successorIn(tokens, origin);
  if (successor === undefined)
    throw new AppError('not_found', { message: 'The token that this rotation has made was revoked since.' });
  const token = { ...tokenReply(successor), value: made(origin).value };
  return { status: 202, revision: null, body: { token } };
}

function refuseReplaced({ tokenId, replacedBy }: StoredToken): void {
  if (replacedBy === undefined) return;
  throw new AppError('conflict', {
    message: `Token ${tokenId} has been replaced by ${replacedBy}. Rotate that one; if it is revoked, create another.`,
    details: { id: replacedBy },
  });
}

/** Without an end of its own it is good for as long as the old one was. What a newer process has put on that goes over. */
function successorOf(
  old: StoredToken,
  { tokenId, hash }: NewToken,
  { at, expiresAt }: { at: number; expiresAt: string | undefined },
): StoredToken {
  const lifetimeMs = old.expiresAt === undefined ? undefined : Date.parse(old.expiresAt) - Date.parse(old.createdAt);
  const end = expiresAt ?? (lifetimeMs === undefined ? undefined : isoTime(at + lifetimeMs));
  const own = { tokenId, hash, managed: false, createdAt: isoTime(at) };
  return { ...old, ...own, ...(end !== undefined && { expiresAt: end }) };
}

/** It ends after the overlap, or when it would have ended anyway. */
function endingToken(old: StoredToken, replacedBy: string, endsAt: number): StoredToken {
  const end = Math.min(endsAt, old.expiresAt === undefined ? Infinity : Date.parse(old.expiresAt));
  return { ...old, replacedBy, expiresAt: isoTime(end) };
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
