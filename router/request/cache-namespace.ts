import type { PoolDocument } from '#shared/contract/replica.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import type { Caller } from '../access/authenticate.ts';

/** Equal prompts of two isolation groups share nothing. */
export function namespaceOf({ prefixSalt, upstreamKey }: PoolDocument, caller: Caller): string {
  const secret = prefixSalt ?? upstreamKey;
  return caller.kind === 'token' && caller.group !== undefined ? JSON.stringify([secret, caller.group]) : secret;
}

/** What an engine that can keep caches apart is told where not the whole endpoint shares one: nobody can guess another's. */
export function cacheSaltOf({ prefixSalt, upstreamKey, engine }: PoolDocument, caller: Caller): string | undefined {
  if (engine.saltsCache !== true || caller.kind !== 'token' || caller.group === undefined) return undefined;
  return keyedHash(Buffer.from(prefixSalt ?? upstreamKey), caller.group);
}
