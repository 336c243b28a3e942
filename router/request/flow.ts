import type { IncomingHttpHeaders } from 'node:http';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import type { Caller } from '../access/authenticate.ts';

/** 64 bits tell all flows of a pool from each other. */
const flowDigits = 16;

/**
 * With whom a request takes turns: with those of its token or, where many people share that, with those of the same person,
 * as a header of theirs tells. Routers tell each other of flows: the pool's secret keeps who they are from whoever hears
 * that. A probe's are the pool's own.
 */
export function flowOf(caller: Caller, headers: IncomingHttpHeaders, pool: PoolDocument): string {
  if (caller.kind === 'proof') return pool.pool;
  const { tokenId, flowHeader } = caller;
  const person = flowHeader === undefined ? undefined : headers[flowHeader];
  const key = Buffer.from(pool.prefixSalt ?? pool.upstreamKey);
  return keyedHash(key, JSON.stringify([tokenId, person ?? ''])).slice(0, flowDigits);
}
