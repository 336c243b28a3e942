import type { IncomingHttpHeaders } from 'node:http';
import { keyedHash, type HashKey } from '#shared/runtime/keyed-hash.ts';
import type { Caller } from '../access/authenticate.ts';
import { hashText } from '../scan/hash64.ts';

/** 64 bits tell all flows of a pool from each other, 16 pools. */
const [flowDigits, poolDigits] = [16, 4] as const;

/**
 * With whom a request takes turns: with those of its token or, where many people share that, with those of the same person,
 * as a header of theirs tells. Routers tell each other of flows: the key, which all routers have, keeps who they are from whoever
 * hears that. Flows of one pool begin alike, up to a colon. A probe's are the pool's own.
 */
export function flowOf(
  caller: Caller,
  headers: IncomingHttpHeaders,
  { pool, key }: { pool: string; key: HashKey },
): string {
  if (caller.kind === 'proof') return pool;
  const { tokenId, flowHeader } = caller;
  const person = flowHeader === undefined ? undefined : headers[flowHeader];
  const flow = keyedHash(key, JSON.stringify(['flow', pool, tokenId, person ?? ''])).slice(0, flowDigits);
  return `${hashText(pool, 0n).toString(16).slice(-poolDigits)}:${flow}`;
}
