import { randomUUID } from 'node:crypto';
import type { Region } from '#shared/contract/ids.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import type { AdminContext } from './admin/admin-context.ts';

export { addTeam, addToken, addVpc } from './admin/identities.ts';
export { loginOf, loginsOf } from './admin/logins.ts';
export { forgetRouters } from './admin/routers.ts';
export { adoptStreams, makeRegionStreams, makeVpcStreams } from './admin/region-streams.ts';

/** An operator's connection to a region. */
export type Admin = AdminContext & AsyncDisposable;

/** Connects as an operator. @throws the signal's reason when NATS is not there by then. */
export async function openAdmin(
  place: { natsUrl: string; region: Region },
  { log, signal }: { log: Logger; signal?: AbortSignal },
): Promise<Admin> {
  const nats = await connectNats({ url: place.natsUrl, name: 'admin', log, ...(signal !== undefined && { signal }) });
  return {
    nats,
    region: place.region,
    clock: systemClock,
    newId: randomUUID,
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  };
}
