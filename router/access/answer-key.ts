import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import type { Grant } from '../edge/access-directory.ts';

/**
 * By what routers know an answer that an engine keeps: whoever is of another endpoint or isolation group, or does not know
 * the id, comes to another key.
 */
export function answerKey(hashKey: Uint8Array, { endpointId, group }: Grant, id: string): string {
  return keyedHash(hashKey, JSON.stringify(['answer', endpointId, group ?? null, id]));
}
