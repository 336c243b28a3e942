import type { Principal } from '#shared/contract/identity.ts';
import { idFromHash, type Region } from '#shared/contract/ids.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { deriveKey, keyedBytes } from '#shared/runtime/keyed-hash.ts';
import type { Committer } from '../commit/committer.ts';
import type { DesiredLog } from '../commit/desired-log.ts';
import type { EndpointView } from '../view/endpoint-view.ts';
import type { EndpointAddress } from './project.ts';
import type { Recorder } from '../commit/recorder.ts';

/** Keys that derive from the region's root key, one per purpose. */
export interface RegionKeys {
  tokenHash: Uint8Array;
  firstToken: Uint8Array;
  idempotency: Uint8Array;
}

/** What every use case works on. */
export interface RegionContext {
  region: Region;
  keys: RegionKeys;
  sealPublicKey: string;
  defaultVpcId: string;
  hostDomain: string;
  address: EndpointAddress;
  desired: DesiredLog;
  committer: Committer;
  view: EndpointView;
  recorder: Recorder;
  clock: Clock;
  newId: () => string;
}

/** One call of a use case: by whom, and under which names. */
export interface Call {
  principal: Principal;
  requestId: string;
  idempotencyKey: string | undefined;
}

/** A use case's answer; `revision` becomes the ETag. */
export interface Answer<T> {
  status: 200 | 202;
  body: T;
  revision: number | null;
}

/** Derives the keys. The router gets the first one's value alone. */
export function deriveRegionKeys(root: Uint8Array): RegionKeys {
  return {
    tokenHash: deriveKey(root, 'access-token-hash'),
    firstToken: deriveKey(root, 'first-token'),
    idempotency: deriveKey(root, 'idempotency'),
  };
}

/** An id that is the same at every process for the same text. */
export function derivedId(context: Pick<RegionContext, 'region' | 'keys'>, text: string): string {
  return idFromHash(context.region, keyedBytes(context.keys.idempotency, text));
}
