import type { FieldReader } from '../scan/body-rules.ts';
import type { ScannedBody } from '../scan/scanned-body.ts';
import type { Splice } from './dialect.ts';

const key = 'cache_salt';

/** vLLM's member of every body that has a prompt: what is cached under one salt is found under no other. */
export const cacheSaltField: readonly [string, FieldReader] = [key, () => ({})];

/**
 * The router's own salt, for an engine and a caller that need one, in the place of the client's. What a client says there
 * never reaches an engine: it could name another group's.
 */
export function cacheSaltSplices(body: ScannedBody, salt: string | undefined): Splice[] {
  const given = body.fields.get(key);
  if (given !== undefined) return [{ ...given, bytes: Buffer.from(JSON.stringify(salt ?? null)) }];
  if (salt === undefined) return [];
  const end = body.object.end - 1;
  const comma = body.members > 0 ? ',' : '';
  return [{ start: end, end, bytes: Buffer.from(`${comma}"${key}":${JSON.stringify(salt)}`) }];
}
