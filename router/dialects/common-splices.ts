import type { ScannedBody } from '../scan/scanned-body.ts';
import { cacheSaltSplices } from './cache-salt.ts';
import type { Splice } from './dialect.ts';

/** A model's other name becomes the one that its engine knows, and the cache's salt is the router's. */
export function commonSplices(body: ScannedBody, engineModel: string, cacheSalt?: string): Splice[] {
  const salted = cacheSaltSplices(body, cacheSalt);
  const asked = body.fields.get('model');
  if (asked === undefined || body.model === engineModel) return salted;
  return [{ ...asked, bytes: Buffer.from(JSON.stringify(engineModel)) }, ...salted];
}
