import { keyedHash, type HashKey } from '#shared/runtime/keyed-hash.ts';
import type { Grant } from '../edge/access-directory.ts';

/**
 * By what routers know an answer that an engine keeps: whoever is of another endpoint or isolation group, or does not know
 * the id, comes to another key.
 */
export function answerKey(hashKey: HashKey, { endpointId, group }: Grant, id: string): string {
  return keyedHash(hashKey, JSON.stringify(['answer', endpointId, group ?? null, id]));
}
