import { AppError } from '#shared/contract/errors.ts';
import type { Principal, Scope } from '#shared/contract/identity.ts';
import type { TokenLookup } from './api-tokens.ts';

/** Longest API token that is looked up. */
const tokenLengthMax = 512;

/**
 * Who calls, by the text of an Authorization header; `now` is in milliseconds since the epoch.
 * @throws AppError `unauthorized` when the token is missing, unknown, expired or revoked.
 */
export function authenticate(authorization: string | undefined, lookup: TokenLookup, now: number): Principal {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  const document = token === undefined || token.length > tokenLengthMax ? undefined : lookup(token);
  if (document === undefined || document.revoked) throw new AppError('unauthorized');
  if (document.expiresAt !== null && !(Date.parse(document.expiresAt) > now)) throw new AppError('unauthorized');
  return { tokenId: document.tokenId, team: document.team, scopes: document.scopes };
}

/** @throws AppError `forbidden` when the caller's token lacks the scope, or one of several. */
export function requireScope(principal: Principal, needed: Scope | readonly Scope[]): void {
  for (const scope of [needed].flat())
    if (!principal.scopes.includes(scope))
      throw new AppError('forbidden', { message: `The API token lacks the scope ${scope}.` });
}
