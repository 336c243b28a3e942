import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { createIdFactory } from '#shared/contract/ids.ts';
import { foreignStamp } from '#shared/contract/stream-stamp.ts';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { answerClientErrors } from '#shared/runtime/http/client-errors.ts';
import { serveAdmin, serveApp } from '#shared/runtime/http/http-server.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { askLeader } from '#shared/runtime/nats/ask-leader.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments, type DocumentWrite, type StoredDocument } from '#shared/runtime/nats/nats-publish.ts';
import { verifyStreams } from '#shared/runtime/nats/nats-streams.ts';
import { within } from '#shared/runtime/within.ts';
import { startApiTokens } from '../http/api-tokens.ts';
import { unreadableRequest } from '../http/error-reply.ts';
import { createRateLimits } from '../http/rate-limits.ts';
import { createRequestMetrics, serveOptions } from '../http/request-scope.ts';
import { createApp } from './app.ts';
import { Auditor } from './commit/auditor.ts';
import { Committer } from './commit/committer.ts';
import { createApiMetrics, type ApiMetrics } from './commit/metrics.ts';
import { NatsDesiredLog } from './commit/nats-desired-log.ts';
import type { RegionalConfig } from './config.ts';
import { startFinishDeletes } from './endpoints/finish-deletes.ts';
import type { RegionContext } from './endpoints/region-context.ts';
import { RegionKeys } from './endpoints/region-keys.ts';
import { startVpcs } from './endpoints/vpcs.ts';
import { startCommands } from './routes/commands.ts';
import { EventStreams } from './routes/event-streams.ts';
import { LastUse } from './usage/last-use.ts';
import { startUseReports } from './usage/use-reports.ts';
import { startAccessChanges } from './view/access-changes.ts';
import { startEndpointView } from './view/endpoint-view.ts';
import { EventLog } from './view/event-log.ts';

/** What a process or a test gives beside the configuration. */
export interface RegionalOverrides {
  log: Logger;
  /** Ends the start. */
  signal?: AbortSignal;
  clock?: Clock;
  random?: () => number;
}

/** A running regional API. */
export interface RegionalApi extends AsyncDisposable {
  url: string;
  adminUrl: string;
}

/** How long the start waits for streams, and for the views before it listens: requests are refused until they are there. */
const startTimeoutMs = { streams: 60_000, views: 10_000 };

/** What the parts of a process share. */
interface Base {
  config: RegionalConfig;
  nats: Nats;
  clock: Clock;
  log: Logger;
  registry: Registry;
  metrics: ApiMetrics;
  random: () => number;
}

/** Starts the owner of one region's desired state. */
export async function startRegionalApi(config: RegionalConfig, overrides: RegionalOverrides): Promise<RegionalApi> {
  const { log, clock = systemClock, random = Math.random, signal } = overrides;
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry('api-regional');
  const metrics = createApiMetrics(registry);
  const nats = await connectNats({
    url: config.FAIRWAY_NATS_URL,
    drainTimeoutMs: config.FAIRWAY_NATS_DRAIN_TIMEOUT_MS,
    name: 'api-regional',
    log,
    signal,
  });
  stack.use(nats);
  await within(verifyAll(nats, config, signal), startTimeoutMs.streams, { clock, signal });
  const base: Base = { config, nats, clock, log, registry, metrics, random };
  const tokens = stack.use(startApiTokens({ nats, clock, log }));
  const context = startContext(base, stack);
  const { view, vpcs } = context;
  const synced = Promise.all([tokens.whenSynced(), vpcs.whenSynced(), view.whenSynced()]);
  await within(synced, startTimeoutMs.views, { clock, signal }).catch(() => log.warn('views.late'));
  signal?.throwIfAborted();
  const { lookup } = tokens;
  const answered = metrics.commands;
  const limits = createRateLimits(registry, 'api', { clock, config });
  const commands = stack.use(
    startCommands({ nats, context, lookup, limits, log, newRequestId: randomUUID, bounds: config, answered }),
  );
  const notReady = (): string[] => [
    ...(nats.up() ? [] : ['NATS']),
    ...(tokens.synced() ? [] : ['API tokens']),
    ...(vpcs.synced() ? [] : ['VPCs']),
    ...(view.synced() ? [] : ['endpoints']),
    ...(commands.serving() ? [] : ['commands']),
  ];
  const adminAddress = { host: config.FAIRWAY_ADMIN_HOST, port: config.FAIRWAY_ADMIN_PORT };
  const admin = stack.use(await serveAdmin({ ...adminAddress, registry, notReady }));
  const bodyMaxBytes = config.FAIRWAY_BODY_MAX_BYTES;
  const eventStreams = createEventStreams(base);
  const app = createApp({
    eventStreams,
    context,
    lookup,
    log,
    metrics: createRequestMetrics(registry, 'api'),
    limits,
    bodyMaxBytes,
  });
  const server = await serveApp(app, serveOptions(registry, 'api', config));
  stack.use(server);
  stack.use(eventStreams);
  answerClientErrors(server.server, (status) => unreadableRequest(status, randomUUID()));
  log.info({ url: admin.url }, 'admin.started');
  const all = stack.move();
  return { url: server.url, adminUrl: admin.url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function verifyAll(nats: Nats, config: RegionalConfig, signal: AbortSignal | undefined): Promise<void> {
  const { desired, status, events, audit, used, identity } = streams;
  await verifyStreams(nats, [identity], { signal });
  const check = foreignStamp(config.FAIRWAY_REGION);
  await verifyStreams(nats, [desired, status, events, audit, used], { check, signal });
}

/** What every use case works on; view, log, auditor and the end of deletes hear of each other. */
function startContext(base: Base, stack: AsyncDisposableStack) {
  const { config, nats, clock, log, metrics, random } = base;
  const vpcs = stack.use(startVpcs(config.FAIRWAY_REGION, { nats, clock, log }));
  const auditor = stack.use(startAuditor(base));
  const watched = { onChange: (_endpointId: string): void => {} };
  const view = stack.use(
    startEndpointView({
      nats,
      clock,
      log,
      barrierTimeoutMs: config.FAIRWAY_BARRIER_TIMEOUT_MS,
      onBarrier: (seconds) => metrics.barrierSeconds.observe(seconds),
      onChange: (endpointId) => watched.onChange(endpointId),
      onDesired: (desired) => auditor.look(desired),
    }),
  );
  const accesses = stack.use(startAccessChanges({ nats, clock, log, onChanged: (access) => auditor.look(access) }));
  const onSeen = (document: StoredDocument): void => {
    view.learn(document);
    accesses.learn(document);
  };
  const desired = stack.use(new NatsDesiredLog({ nats, clock, log, onSeen }));
  const lastUse = new LastUse({ log: documentsOf(base, streams.used.name), desired, clock });
  stack.use(startUseReports(lastUse, base));
  const newId = createIdFactory({ now: () => clock.now(), random });
  const context = {
    region: config.FAIRWAY_REGION,
    keys: new RegionKeys(
      config.FAIRWAY_REGION,
      Buffer.from(config.FAIRWAY_REGION_KEY, 'base64url'),
      config.FAIRWAY_SEAL_PUBLIC_KEY,
    ),
    defaultVpcId: config.FAIRWAY_DEFAULT_VPC_ID,
    hostDomain: config.FAIRWAY_HOST_DOMAIN,
    endpointsMax: config.FAIRWAY_ENDPOINTS_MAX,
    tokensMax: config.FAIRWAY_TOKENS_MAX,
    address: addressOf(config),
    newId: () => newId(config.FAIRWAY_REGION),
    desired,
    committer: createCommitter(base, desired, auditor),
    view,
    vpcs,
    events: new EventLog(nats),
    lastUse,
    clock,
    log,
  } satisfies RegionContext;
  const onRefused = (): void => metrics.refusedKeys.inc({ queue: 'finish-deletes' });
  const finishDeletes = stack.use(startFinishDeletes({ context, auditor, log, newBatchId: randomUUID, onRefused }));
  watched.onChange = (endpointId) => finishDeletes.look(endpointId);
  return context;
}

function addressOf(config: RegionalConfig): RegionContext['address'] {
  const { FAIRWAY_PRIVATE_ENDPOINT_SCHEME: scheme, FAIRWAY_PRIVATE_ENDPOINT_PORT: port } = config;
  const own = scheme === undefined ? {} : { private: { scheme, port } };
  return { scheme: config.FAIRWAY_ENDPOINT_SCHEME, port: config.FAIRWAY_ENDPOINT_PORT, ...own };
}

function createEventStreams({ config, clock, metrics }: Base): EventStreams {
  const onCount = (open: number): void => metrics.eventStreams.set(open);
  const limits = {
    max: config.FAIRWAY_EVENT_STREAMS_MAX,
    ageMs: config.FAIRWAY_EVENT_STREAM_MAX_MS,
    beatMs: config.FAIRWAY_EVENT_STREAM_BEAT_MS,
    stallMs: config.FAIRWAY_EVENT_STREAM_STALL_MS,
    onCount,
  };
  return new EventStreams(limits, clock);
}

function createCommitter({ config, clock, metrics, random }: Base, log: NatsDesiredLog, auditor: Auditor): Committer {
  return new Committer({
    log,
    auditor,
    clock,
    metrics,
    random,
    newBatchId: randomUUID,
    budgetMs: config.FAIRWAY_PUBLISH_BUDGET_MS,
    pendingMax: config.FAIRWAY_PENDING_MAX,
    batchesMax: config.FAIRWAY_BATCHES_MAX,
  });
}

function startAuditor(base: Base): Auditor {
  const { config, nats, clock, log, metrics, random } = base;
  const auditLog = {
    ...documentsOf(base, streams.audit.name),
    completeSince: async () => {
      const { state } = await nats.jsm.streams.info(streams.audit.name);
      return state.first_seq > 1 ? Date.parse(state.first_ts) : 0;
    },
    onRefused: () => metrics.refusedKeys.inc({ queue: 'audit' }),
  };
  const drainTimeoutMs = config.FAIRWAY_NATS_DRAIN_TIMEOUT_MS;
  return new Auditor({ auditLog, drainTimeoutMs, clock, log, random, due: metrics.auditDue });
}

/** Single documents of a stream: their leader is asked, and written to. */
function documentsOf({ nats, clock }: Base, stream: string) {
  return {
    write: (write: DocumentWrite) => writeDocuments(nats, [write], ''),
    last: (subject: string) => askLeader({ nats, clock, stream, subject, budgetMs: 5000 }),
  };
}
