import { AppError } from '#shared/contract/errors.ts';
import { apiTokenDocumentSchema, scopeOf, type ApiTokenDocument } from '#shared/contract/identity.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startDocumentMap } from '#shared/runtime/nats/document-map.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';

/** Finds an API token's document by the token's own text. @throws AppError `unavailable` while they are not yet known. */
export type TokenLookup = (token: string) => ApiTokenDocument | undefined;

/** Every API token, in memory: central and regional verify the caller's own bearer, each for itself. */
export interface ApiTokens extends AsyncDisposable {
  lookup: TokenLookup;
  synced(): boolean;
  /** False while nothing new can be heard: a token that is revoked meanwhile still passes. */
  following(): boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
}

/** Follows the API tokens of `IDENTITY`. */
export function startApiTokens(from: { nats: Nats; clock: Clock; log: Logger }): ApiTokens {
  const tokens = startDocumentMap({
    ...from,
    stream: streams.identity.name,
    subject: subjects.everyApiToken,
    parse: readApiToken,
    parked: 'goes',
  });
  return {
    lookup: (token) => {
      if (!tokens.synced()) throw new AppError('unavailable', { message: 'The API tokens are still being read.' });
      return tokens.get(subjects.apiToken(digest(token)))?.value;
    },
    synced: () => tokens.synced(),
    following: () => tokens.following(),
    whenSynced: (signal) => tokens.whenSynced(signal),
    [Symbol.asyncDispose]: () => tokens[Symbol.asyncDispose](),
  };
}

/**
 * Reads a token's document so that a newer writer can take rights away from an older reader: a revocation counts whatever
 * else stands beside it, a scope that is not known here is left out, and what cannot be read at all grants nothing.
 */
export function readApiToken(json: unknown): ApiTokenDocument | null {
  if (!isRecord(json)) return null;
  const revoked = json['revoked'] !== false;
  const named: unknown[] = Array.isArray(json['scopes']) ? json['scopes'] : [];
  const known = named.flatMap((text) => scopeOf(text) ?? []);
  const document = apiTokenDocumentSchema.safeParse({ ...json, revoked, scopes: revoked ? [] : known });
  return document.data ?? null;
}
