import { randomUUID } from 'node:crypto';
import { unreadableRequest } from '../http/error-reply.ts';
import { AppError } from '#shared/contract/errors.ts';
import { apiTokenDocumentSchema, type ApiTokenDocument } from '#shared/contract/identity.ts';
import { createIdFactory } from '#shared/contract/ids.ts';
import { foreignStamp } from '#shared/contract/stream-stamp.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { answerClientErrors } from '#shared/runtime/http/client-errors.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { startDocumentMap, type DocumentMap } from '#shared/runtime/nats/document-map.ts';
import { serveAdmin, serveApp } from '#shared/runtime/http/http-server.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { verifyStreams } from '#shared/runtime/nats/nats-streams.ts';
import { createApp, type TokenLookup } from './app.ts';
import { startCommands } from './routes/commands.ts';
import { Committer } from './commit/committer.ts';
import { NatsDesiredLog } from './commit/nats-desired-log.ts';
import type { RegionalConfig } from './config.ts';
import { startEndpointView, type EndpointView } from './view/endpoint-view.ts';
import { startFinishDeletes } from './endpoints/finish-deletes.ts';
import { createApiMetrics, type ApiMetrics } from './commit/metrics.ts';
import { createRecorder, type Recorder } from './commit/recorder.ts';
import { deriveRegionKeys, type RegionContext } from './endpoints/region-context.ts';

/** What a process or a test gives beside the configuration. */
export interface RegionalOverrides {
  log: Logger;
  clock?: Clock;
  random?: () => number;
}

/** A running regional API. */
export interface RegionalApi extends AsyncDisposable {
  url: string;
  adminUrl: string;
}

/** How long the start waits for the views before it listens; afterwards requests are refused until they are there. */
const syncTimeoutMs = 10_000;

/** NATS commands at work at most. */
const commandsMax = 256;

/** Events and audit lines that wait at most, and how long one is tried. */
const recordBounds = { waitingMax: 2000, budgetMs: 30_000 };

/** What the parts of a process share. */
interface Base {
  config: RegionalConfig;
  nats: Nats;
  clock: Clock;
  log: Logger;
  metrics: ApiMetrics;
}

/** Starts the owner of one region's desired state. */
export async function startRegionalApi(config: RegionalConfig, overrides: RegionalOverrides): Promise<RegionalApi> {
  const { log, clock = systemClock, random = Math.random } = overrides;
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry('api-regional');
  const metrics = createApiMetrics(registry);
  const nats = stack.use(await connectNats({ url: config.FAIRWAY_NATS_URL, name: 'api-regional', log }));
  const { desired, status, events, audit, identity } = streams;
  await verifyStreams(nats, [identity]);
  await verifyStreams(nats, [desired, status, events, audit], foreignStamp(config.FAIRWAY_REGION));
  const base: Base = { config, nats, clock, log, metrics };
  const tokens = stack.use(startTokens(base));
  const watched = { onChange: (_endpointId: string): void => {} };
  const view = stack.use(startView(base, (endpointId) => watched.onChange(endpointId)));
  const desiredLog = stack.use(new NatsDesiredLog({ nats, clock, log }));
  const recorder = stack.use(startRecorder(base));
  const context = createContext(base, { desired: desiredLog, view, recorder, random });
  const finishDeletes = stack.use(startFinishDeletes({ context, log, newBatchId: randomUUID }));
  watched.onChange = (endpointId) => finishDeletes.look(endpointId);
  const signal = AbortSignal.timeout(syncTimeoutMs);
  await Promise.all([tokens.whenSynced(signal), view.whenSynced(signal)]).catch(() => log.warn('views.late'));
  const notReady = (): string[] => [
    ...(nats.up() ? [] : ['NATS']),
    ...(tokens.synced() ? [] : ['API tokens']),
    ...(view.synced() ? [] : ['endpoints']),
  ];
  const adminAddress = { host: config.FAIRWAY_ADMIN_HOST, port: config.FAIRWAY_ADMIN_PORT };
  const admin = stack.use(await serveAdmin({ ...adminAddress, registry, notReady }));
  const lookup = lookupIn(tokens);
  stack.use(startCommands({ nats, context, lookup, log, newRequestId: randomUUID, runningMax: commandsMax }));
  const app = createApp({ context, lookup, clock, log, metrics, bodyMaxBytes: config.FAIRWAY_BODY_MAX_BYTES });
  const address = { host: config.FAIRWAY_HOST, port: config.FAIRWAY_PORT };
  const server = stack.use(await serveApp(app, { ...address, drainTimeoutMs: config.FAIRWAY_DRAIN_TIMEOUT_MS }));
  answerClientErrors(server.server, (status) => unreadableRequest(status, randomUUID()));
  log.info({ url: admin.url }, 'admin.started');
  const all = stack.move();
  return { url: server.url, adminUrl: admin.url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function startTokens({ nats, clock, log }: Base): DocumentMap<ApiTokenDocument> {
  const parse = (json: unknown): ApiTokenDocument | null => apiTokenDocumentSchema.safeParse(json).data ?? null;
  const { name: stream } = streams.identity;
  return startDocumentMap({ nats, clock, log, stream, subject: subjects.everyApiToken, parse, parked: 'goes' });
}

function lookupIn(tokens: DocumentMap<ApiTokenDocument>): TokenLookup {
  return (token) => {
    if (!tokens.synced()) throw new AppError('unavailable', { message: 'The API tokens are still being read.' });
    return tokens.get(subjects.apiToken(digest(token)))?.value;
  };
}

function startView({ config, nats, clock, log, metrics }: Base, onChange: (endpointId: string) => void): EndpointView {
  const onBarrier = (seconds: number): void => metrics.barrierSeconds.observe(seconds);
  const barrierTimeoutMs = config.FAIRWAY_BARRIER_TIMEOUT_MS;
  return startEndpointView({ nats, clock, log, barrierTimeoutMs, onBarrier, onChange });
}

function startRecorder({ nats, clock, log, metrics }: Base): Recorder {
  return createRecorder({
    write: (write) => writeDocuments(nats, [write], ''),
    onLost: () => metrics.recordsLost.inc(),
    clock,
    log,
    ...recordBounds,
  });
}

function createContext(
  { config, clock, metrics }: Base,
  parts: Pick<RegionContext, 'desired' | 'view' | 'recorder'> & { random: () => number },
): RegionContext {
  const { desired, view, recorder, random } = parts;
  const newId = createIdFactory({ now: () => clock.now(), random });
  const committer = new Committer({
    log: desired,
    clock,
    metrics,
    random,
    newBatchId: randomUUID,
    budgetMs: config.FAIRWAY_PUBLISH_BUDGET_MS,
    pendingMax: config.FAIRWAY_PENDING_MAX,
    batchesMax: config.FAIRWAY_BATCHES_MAX,
  });
  return {
    region: config.FAIRWAY_REGION,
    keys: deriveRegionKeys(Buffer.from(config.FAIRWAY_REGION_KEY, 'base64url')),
    sealPublicKey: config.FAIRWAY_SEAL_PUBLIC_KEY,
    defaultVpcId: config.FAIRWAY_DEFAULT_VPC_ID,
    hostDomain: config.FAIRWAY_HOST_DOMAIN,
    address: { scheme: config.FAIRWAY_ENDPOINT_SCHEME, port: config.FAIRWAY_ENDPOINT_PORT },
    newId: () => newId(config.FAIRWAY_REGION),
    desired,
    committer,
    view,
    recorder,
    clock,
  };
}
