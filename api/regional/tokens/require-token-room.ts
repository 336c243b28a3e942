import { AppError } from '#shared/contract/errors.ts';
import type { RegionContext } from '../endpoints/region-context.ts';
import type { StoredToken } from './change-tokens.ts';

/**
 * There is room for one more token, and it would not be over at once.
 * @throws AppError `unprocessable`, `store_full`.
 */
export function requireTokenRoom(
  { committer, tokensMax, clock }: RegionContext,
  tokens: readonly StoredToken[],
  expiresAt: string | undefined,
): void {
  if (expiresAt !== undefined && Date.parse(expiresAt) <= clock.now())
    throw new AppError('unprocessable', { problems: [{ path: 'expires_at', message: 'must be in the future' }] });
  if (tokens.length >= tokensMax) {
    committer.countRefusal('tokens_max');
    const message = `The endpoint has ${tokens.length} tokens, and no more than ${tokensMax} are possible. Delete one.`;
    throw new AppError('unprocessable', { message });
  }
  committer.requireRoom();
}
