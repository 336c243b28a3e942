import { silentLogger } from '#shared/runtime/log.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { readCentralConfig } from '../central/config.ts';
import { startCentralApi } from '../central/service.ts';
import { startTestRegion, type TestRegion } from '../regional/testing/region-fixture.ts';
import { startReplyProxy, type ReplyProxy } from './reply-proxy.ts';

/** What a client of DigitalOcean is pointed at: a proxy before a front door before a region. */
export interface FrontDoor extends AsyncDisposable {
  proxy: ReplyProxy;
  /** The front door itself. */
  url: string;
  region: TestRegion;
}

/** Starts all of it. */
export async function startFrontDoor(): Promise<FrontDoor> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startRegionNats());
  const region = stack.use(await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
  const config = readCentralConfig({
    FAIRWAY_PORT: '0',
    FAIRWAY_NATS_URL: server.urlOf({ role: 'central' }),
    FAIRWAY_REGIONS: `atl1=${region.apis.map(({ url }) => url).join('|')}`,
  });
  const door = stack.use(await startCentralApi(config, { log: silentLogger() }));
  const proxy = stack.use(await startReplyProxy(door.url));
  const all = stack.move();
  return { proxy, url: door.url, region, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
