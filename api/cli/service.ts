import { randomUUID } from 'node:crypto';
import type { Region } from '#shared/contract/ids.ts';
import { readStamp } from '#shared/contract/stream-stamp.ts';
import { streams } from '#shared/contract/subjects.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { findStream } from '#shared/runtime/nats/nats-streams.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import type { AdminContext } from './admin/admin-context.ts';

export { addTeam, addToken, addVpc } from './admin/identities.ts';
export { loginOf, loginsOf } from './admin/logins.ts';
export { forgetRouters } from './admin/routers.ts';
export { adoptStreams, makeRegionStreams, makeVpcStreams } from './admin/region-streams.ts';

/** An operator's connection to a region. */
export type Admin = AdminContext & AsyncDisposable;

/**
 * Connects as an operator. @throws ConfigError when the streams there are another region's; the signal's reason when NATS
 * is not there by then.
 */
export async function openAdmin(
  place: { natsUrl: string; region: Region },
  { log, signal }: { log: Logger; signal?: AbortSignal },
): Promise<Admin> {
  await using stack = new AsyncDisposableStack();
  const { natsUrl: url, region } = place;
  const nats = stack.use(await connectNats({ url, name: 'admin', log, signal }));
  const desired = await findStream(nats, streams.desired.name);
  const stamp = readStamp(desired?.config.metadata);
  if (stamp !== undefined && stamp.region !== region)
    throw new ConfigError(
      `This NATS holds region ${stamp.region}, not ${region}: set FAIRWAY_REGION or FAIRWAY_NATS_URL, whichever is wrong.`,
    );
  const all = stack.move();
  return { nats, region, clock: systemClock, newId: randomUUID, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
