import type { IncomingHttpHeaders } from 'node:http';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import type { Caller } from '../access/authenticate.ts';

/**
 * With whom a request takes turns: with those of its token or, where many people share that, with those of the same person,
 * as a header of theirs tells; the pool's secret keeps what it says from whoever sees flows. A probe's are the pool's own.
 */
export function flowOf(caller: Caller, headers: IncomingHttpHeaders, pool: PoolDocument): string {
  if (caller.kind === 'proof') return pool.pool;
  const { tokenId, flowHeader } = caller;
  const person = flowHeader === undefined ? undefined : headers[flowHeader];
  return person === undefined || person === ''
    ? tokenId
    : `${tokenId}/${keyedHash(Buffer.from(pool.prefixSalt ?? pool.upstreamKey), String(person))}`;
}
