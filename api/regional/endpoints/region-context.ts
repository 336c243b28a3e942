import type { Principal } from '#shared/contract/identity.ts';
import type { Region } from '#shared/contract/ids.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Committer } from '../commit/committer.ts';
import type { DesiredLog } from '../commit/desired-log.ts';
import type { EndpointView } from '../view/endpoint-view.ts';
import type { LastUse } from '../usage/last-use.ts';
import type { EventLog } from '../view/event-log.ts';
import type { EndpointAddress } from './project.ts';
import type { RegionKeys } from './region-keys.ts';
import type { Vpcs } from './vpcs.ts';

/** What every use case works on. */
export interface RegionContext {
  region: Region;
  keys: RegionKeys;
  defaultVpcId: string;
  hostDomain: string;
  /** Most endpoints of one team. */
  endpointsMax: number;
  /** Most data-plane tokens of one endpoint. */
  tokensMax: number;
  address: EndpointAddress;
  desired: DesiredLog;
  committer: Committer;
  view: EndpointView;
  vpcs: Vpcs;
  events: Pick<EventLog, 'page' | 'follow'>;
  lastUse: Pick<LastUse, 'daysOf' | 'forget'>;
  clock: Clock;
  log: Logger;
  newId: () => string;
}

/** One call of a use case: by whom, and under which names. */
export interface Call {
  principal: Principal;
  requestId: string;
  idempotencyKey: string | undefined;
  /** Nothing is stored; the answer says what would be. */
  dryRun: boolean;
}

/** A use case's answer; `revision` becomes the ETag, null where the answer is about no revision. */
export interface Answer<T> {
  status: 200 | 202 | 204;
  body: T;
  revision: number | null;
}
