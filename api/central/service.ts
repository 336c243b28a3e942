import { randomUUID } from 'node:crypto';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { answerClientErrors } from '#shared/runtime/http/client-errors.ts';
import { serveAdmin, serveApp } from '#shared/runtime/http/http-server.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { verifyStreams } from '#shared/runtime/nats/nats-streams.ts';
import { within } from '#shared/runtime/within.ts';
import { startApiTokens } from '../http/api-tokens.ts';
import { unreadableRequest } from '../http/error-reply.ts';
import { createRateLimits } from '../http/rate-limits.ts';
import { createRequestMetrics, serveOptions } from '../http/request-scope.ts';
import { createApp } from './app.ts';
import type { CentralConfig } from './config.ts';
import { createForwarder } from './regions/forward.ts';

/** What a process or a test gives beside the configuration. */
export interface CentralOverrides {
  log: Logger;
  /** Ends the start. */
  signal?: AbortSignal;
  clock?: Clock;
}

/** A running front door. */
export interface CentralApi extends AsyncDisposable {
  url: string;
  adminUrl: string;
}

/** How long the start waits for the stream, and for the API tokens before it listens: requests are refused until then. */
const startTimeoutMs = { streams: 60_000, views: 10_000 };

/** Starts the front door of all regions. */
export async function startCentralApi(config: CentralConfig, overrides: CentralOverrides): Promise<CentralApi> {
  const { log, clock = systemClock, signal } = overrides;
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry('api-central');
  const nats = stack.use(
    await connectNats({
      url: config.FAIRWAY_NATS_URL,
      apiPrefix: config.FAIRWAY_NATS_API,
      drainTimeoutMs: config.FAIRWAY_NATS_DRAIN_TIMEOUT_MS,
      name: 'api-central',
      log,
      signal,
    }),
  );
  await within(verifyStreams(nats, [streams.identity], { signal }), startTimeoutMs.streams, { clock, signal });
  const tokens = stack.use(startApiTokens({ nats, clock, log }));
  const forwarder = stack.use(
    createForwarder({
      regions: config.FAIRWAY_REGIONS,
      connectTimeoutMs: config.FAIRWAY_CONNECT_TIMEOUT_MS,
      readTimeoutMs: config.FAIRWAY_READ_TIMEOUT_MS,
      changeTimeoutMs: config.FAIRWAY_CHANGE_TIMEOUT_MS,
      streamSilenceMs: config.FAIRWAY_EVENT_STREAM_SILENCE_MS,
    }),
  );
  await within(tokens.whenSynced(), startTimeoutMs.views, { clock, signal }).catch(() => log.warn('views.late'));
  signal?.throwIfAborted();
  const identity = streams.identity.name;
  const notReady = (): string[] => (tokens.synced() ? [] : [`API tokens: ${identity} has not been read yet`]);
  const warnings = (): string[] =>
    nats.up() && tokens.following()
      ? []
      : [`${nats.up() ? identity : 'NATS'} cannot be read now: requests are checked by the API tokens of before`];
  const adminAddress = { host: config.FAIRWAY_ADMIN_HOST, port: config.FAIRWAY_ADMIN_PORT };
  const admin = stack.use(await serveAdmin({ ...adminAddress, registry, notReady, warnings }));
  const app = createApp({
    regions: [...config.FAIRWAY_REGIONS.keys()],
    forwarder,
    lookup: tokens.lookup,
    clock,
    log,
    metrics: createRequestMetrics(registry, 'central'),
    limits: createRateLimits(registry, 'central', { clock, config }),
    bodyMaxBytes: config.FAIRWAY_BODY_MAX_BYTES,
    listTimeoutMs: config.FAIRWAY_READ_TIMEOUT_MS,
  });
  const server = await serveApp(app, serveOptions(registry, 'central', config));
  stack.use(server);
  answerClientErrors(server.server, (status) => unreadableRequest(status, randomUUID()));
  log.info({ url: admin.url }, 'admin.started');
  const all = stack.move();
  return { url: server.url, adminUrl: admin.url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
