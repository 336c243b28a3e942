import { randomUUID } from 'node:crypto';
import { unreadableRequest } from '../http/error-reply.ts';
import { AppError } from '#shared/contract/errors.ts';
import { apiTokenDocumentSchema } from '#shared/contract/identity.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { answerClientErrors } from '#shared/runtime/http/client-errors.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { startDocumentMap } from '#shared/runtime/nats/document-map.ts';
import { serveAdmin, serveApp } from '#shared/runtime/http/http-server.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { verifyStreams } from '#shared/runtime/nats/nats-streams.ts';
import { createApp } from './app.ts';
import type { CentralConfig } from './config.ts';
import { createForwarder } from './regions/forward.ts';
import { createCentralMetrics } from './regions/metrics.ts';

/** What a process or a test gives beside the configuration. */
export interface CentralOverrides {
  log: Logger;
  clock?: Clock;
}

/** A running front door. */
export interface CentralApi extends AsyncDisposable {
  url: string;
  adminUrl: string;
}

/** How long the start waits for the API tokens before it listens; afterwards requests are refused until they are there. */
const syncTimeoutMs = 10_000;

/** Starts the front door of all regions. */
export async function startCentralApi(config: CentralConfig, overrides: CentralOverrides): Promise<CentralApi> {
  const { log, clock = systemClock } = overrides;
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry('api-central');
  const metrics = createCentralMetrics(registry);
  const { FAIRWAY_NATS_URL: url, FAIRWAY_NATS_API: apiPrefix } = config;
  const nats = stack.use(await connectNats({ url, apiPrefix, name: 'api-central', log }));
  await verifyStreams(nats, [streams.identity]);
  const tokens = stack.use(
    startDocumentMap({
      nats,
      clock,
      log,
      stream: streams.identity.name,
      subject: subjects.everyApiToken,
      parked: 'goes',
      parse: (json) => apiTokenDocumentSchema.safeParse(json).data ?? null,
    }),
  );
  const forwarder = stack.use(
    createForwarder({
      regions: config.FAIRWAY_REGIONS,
      connectTimeoutMs: config.FAIRWAY_CONNECT_TIMEOUT_MS,
      readTimeoutMs: config.FAIRWAY_READ_TIMEOUT_MS,
      changeTimeoutMs: config.FAIRWAY_CHANGE_TIMEOUT_MS,
    }),
  );
  await tokens.whenSynced(AbortSignal.timeout(syncTimeoutMs)).catch(() => log.warn('views.late'));
  const notReady = (): string[] => (tokens.synced() ? [] : ['API tokens']);
  const adminAddress = { host: config.FAIRWAY_ADMIN_HOST, port: config.FAIRWAY_ADMIN_PORT };
  const admin = stack.use(await serveAdmin({ ...adminAddress, registry, notReady }));
  const app = createApp({
    regions: [...config.FAIRWAY_REGIONS.keys()],
    forwarder,
    clock,
    log,
    metrics,
    bodyMaxBytes: config.FAIRWAY_BODY_MAX_BYTES,
    lookup: (token) => {
      if (!tokens.synced()) throw new AppError('unavailable', { message: 'The API tokens are still being read.' });
      return tokens.get(subjects.apiToken(digest(token)))?.value;
    },
  });
  const address = { host: config.FAIRWAY_HOST, port: config.FAIRWAY_PORT };
  const server = stack.use(await serveApp(app, { ...address, drainTimeoutMs: config.FAIRWAY_DRAIN_TIMEOUT_MS }));
  answerClientErrors(server.server, (status) => unreadableRequest(status, randomUUID()));
  log.info({ url: admin.url }, 'admin.started');
  const all = stack.move();
  return { url: server.url, adminUrl: admin.url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
