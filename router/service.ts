import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { serveAdmin, type RunningServer } from '#shared/runtime/http/http-server.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { maskConfig } from '#shared/runtime/read-config.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { EdgeCopy } from './edge/edge-copy.ts';
import type { EdgeSource, StartEdgeSource } from './edge/edge-source.ts';
import { followEdge } from './edge/follow-edge.ts';
import { StateFile, type EdgeMemory } from './edge/state-file.ts';
import { Arrivals } from './admit/arrivals.ts';
import { BodyRoom } from './admit/body-room.ts';
import { Intake } from './admit/intake.ts';
import { SharedRoom } from './admit/shared-room.ts';
import { createApp, createListener, tell, type AppDeps } from './app.ts';
import { anthropic } from './dialects/anthropic/routes.ts';
import { openAi } from './dialects/openai/routes.ts';
import {
  brainLimits,
  listenerPlaces,
  listenersOf,
  podOf,
  processesOf,
  routerConfigSchema,
  type RouterConfig,
} from './config.ts';
import { DrainReporter } from './edge/drain-report.ts';
import { TokenUse, usesMax } from './edge/token-use.ts';
import { UndiciUpstream } from './forward/undici-upstream.ts';
import { ConnectionTurns } from './request/connection-turns.ts';
import { letClientsGo } from './request/let-clients-go.ts';
import { Listeners } from './request/listeners.ts';
import { bodyFigures, RouterMetrics } from './request/record/metrics.ts';
import { OpenReplies } from './request/open-replies.ts';
import { RouteLog } from './forward/route-log.ts';
import type { LedgerChannel } from './ledger/ledger-channel.ts';
import { RedisAnswerStore } from './ledger/redis-answer-store.ts';
import { RedisLedgerChannel } from './ledger/redis-ledger-channel.ts';
import { localLedger } from './processes/local-ledger.ts';
import { inProcesses } from './processes/start-processes.ts';
import { untilLoaded } from './processes/worker-word.ts';
import { ScanQueue } from './scan/scan-queue.ts';
import { feedBrain } from './scrape/feed-brain.ts';
import { Brain, type BrainOptions } from './pick/brain.ts';

/** What a router gets from the process it runs in, and what a test puts in the place of the outside. */
export interface RouterOverrides {
  readonly log: Logger;
  readonly clock?: Clock;
  /** What it speaks (default: OpenAI's and Anthropic's APIs). */
  readonly apis?: AppDeps['apis'];
  /** In place of NATS or a file. */
  readonly edge?: StartEdgeSource;
  /** In place of Redis: no id of a kept answer outlives the router then. */
  readonly ledger?: LedgerChannel & { counts?(): { readonly dropped: number } };
  /** In place of a file in FAIRWAY_STATE_DIR. */
  readonly memory?: EdgeMemory;
  /** It stands alone, in front of one endpoint. */
  readonly alone?: NonNullable<AppDeps['gate']['alone']>;
}

/** A running router: where clients and operators reach it. Disposing lets its streams end first. */
export interface Router extends AsyncDisposable {
  readonly url: string;
  /** Where clients inside of the VPC reach it; `url` where it has no listener for them alone. */
  readonly privateUrl: string;
  readonly adminUrl: string;
  readonly routerId: string;
  /** Of several processes: exchanges them one by one. */
  renew?(): void;
}

/**
 * One router or, where there are to be more processes, all of them: each is a router that `startRouter` has started.
 */
export function startRouters(config: RouterConfig, overrides: RouterOverrides): Promise<Router> {
  const { log, clock = systemClock } = overrides;
  log.info({ config: maskConfig(routerConfigSchema, config) }, 'config.read');
  return inProcesses({ ...processesOf(config), clock, log }, () => startRouter(config, overrides));
}

/**
 * Starts a router, wired in the order of its dependencies. It listens at once and serves as soon as it has access and pools,
 * from NATS or, while that is away, from its copy on disk.
 */
export async function startRouter(config: RouterConfig, overrides: RouterOverrides): Promise<Router> {
  const { log, clock = systemClock, apis = [openAi, anthropic] } = overrides;
  const vpcId = config.FAIRWAY_VPC_ID;
  const routerId = config.FAIRWAY_ROUTER_ID ?? `r-${randomBytes(6).toString('hex')}`;
  const epoch = Math.round(clock.now());
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry('router');
  const metrics = new RouterMetrics(registry);

  const copy = new EdgeCopy({ vpcId, log });
  const now = (): number => clock.monotonic();
  const stalledSince = (at: number): boolean => brain.stoodStillSince(at);
  const turns = { nextTurn: setImmediate, held: () => metrics.intakeWaits.inc() };
  const intake = new Intake(config.FAIRWAY_INTAKE_TURN_BYTES, turns);
  const { FAIRWAY_CONNECT_TIMEOUT_MS: connectTimeoutMs, FAIRWAY_DRAIN_TIMEOUT_MS: drainTimeoutMs } = config;
  const { FAIRWAY_SCRAPE_MS: everyMs } = config;
  const upstream = stack.use(new UndiciUpstream({ connectTimeoutMs, intake, now, stalledSince }));
  const identity = { router: routerId, epoch, clock };
  const hitsKnown = (predicted: number, reported: number): void => metrics.hitsKnown(predicted, reported);
  const outside = openLedger(config, { ...identity, log }, { overrides, stack, brain: () => brain });
  const brain: Brain = stack.use(new Brain({ ...identity, ...brainLimits(config), ...outside, hitsKnown }));
  stack.use(feedBrain(brain, { ...identity, ...outside, everyMs, copy, upstream, metrics, log }));
  const edge = await startEdge(config, overrides, { copy, routerId, clock, stack });

  const tokenUse = stack.use(startTokenUse(config, { edge, routerId, metrics, clock, log }));
  const parts = { ...overrides, ...identity, copy, upstream, picker: brain, intake, tokenUse, metrics, apis };
  const deps = appDeps(config, parts);
  metrics.watch({
    brain: () => brain.figures(),
    bodies: () => bodyFigures(deps),
    answerBytes: () => deps.answers.total,
    ledgerUp: () => outside.channel.up(),
    ledgerDropped: () => outside.channel.counts?.().dropped ?? 0,
    edgeDoubts: () => edge.doubts().length,
  });
  const admin = stack.use(await startAdmin(config, registry, { copy, edge, deps }));
  const server = stack.use(await startListeners(config, deps, copy));
  stack.defer(() => edge.flush());
  const reporter = stack.use(
    new DrainReporter({
      identity: { routerId, vpcId, epoch, ...podOf(config) },
      listeners: () => listenersOf(config, server),
      pools: copy.pools,
      brain,
      edgeRevision: () => edge.poolRevision(),
      publish: (subject, text) => edge.report(subject, text),
      clock,
      log,
    }),
  );
  copy.onChange((what) => what === 'pools' && reporter.wake());
  // Nobody was sent to a router that was never ready.
  const propagationMs = (): number => (copy.loaded ? config.FAIRWAY_PROPAGATION_MS : 0);
  stack.defer(() => letClientsGo(server, { propagationMs: propagationMs(), drainTimeoutMs }, deps));
  const running = stack.move();
  return {
    url: server.url,
    privateUrl: server.privateUrl,
    adminUrl: admin.url,
    routerId,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What other routers say, and what outlives all of them; without Redis the processes of this router alone are heard. */
function openLedger(
  config: RouterConfig,
  parts: Pick<BrainOptions, 'router' | 'epoch' | 'clock'> & Pick<RouterOverrides, 'log'>,
  { overrides, stack, brain }: { overrides: RouterOverrides; stack: AsyncDisposableStack; brain: () => Brain },
): { channel: NonNullable<RouterOverrides['ledger']>; answerStore?: RedisAnswerStore } {
  const { FAIRWAY_REDIS_URL: url, FAIRWAY_VPC_ID: vpcId } = config;
  if (overrides.ledger !== undefined) return { channel: stack.use(overrides.ledger) };
  if (url === undefined) return { channel: stack.use(localLedger(parts)) };
  const limits = brainLimits(config).answerLimits;
  return {
    channel: stack.use(new RedisLedgerChannel({ ...parts, url, vpcId, describe: () => brain().describe() })),
    answerStore: stack.use(new RedisAnswerStore({ ...parts, url, vpcId, limits, own: () => brain().ownAnswers() })),
  };
}

/** Access and pools, from where its environment says. */
function startEdge(
  config: RouterConfig,
  overrides: RouterOverrides,
  { copy, routerId, clock, stack }: { copy: EdgeCopy; routerId: string; clock: Clock; stack: AsyncDisposableStack },
): Promise<EdgeSource> {
  const { FAIRWAY_VPC_ID: vpcId, FAIRWAY_NATS_URL: url = '', FAIRWAY_NATS_API: apiPrefix } = config;
  const { FAIRWAY_NATS_DRAIN_TIMEOUT_MS: drainTimeoutMs, FAIRWAY_EDGE_FILE: file } = config;
  const { log, memory = new StateFile(config.FAIRWAY_STATE_DIR, log), edge: start } = overrides;
  const nats = { url, apiPrefix, drainTimeoutMs, routerId, vpcId, clock, log };
  return followEdge(copy, { memory, start, file, nats }, stack);
}

/** Tells the region which tokens are in use. */
function startTokenUse(
  config: RouterConfig,
  parts: Pick<AppDeps, 'metrics' | 'clock' | 'log'> & { edge: EdgeSource; routerId: string },
): TokenUse {
  const { edge, routerId, metrics, clock, log } = parts;
  const { FAIRWAY_VPC_ID: vpcId, FAIRWAY_USE_REPORT_MS: everyMs } = config;
  const deliver: EdgeSource['deliver'] = (subject, text) => edge.deliver(subject, text);
  const onDropped = (): void => metrics.usesDropped.inc();
  return new TokenUse({ vpcId, routerId, everyMs, usesMax, deliver, onDropped, clock, log });
}

function appDeps(
  config: RouterConfig,
  parts: Pick<AppDeps, 'intake' | 'tokenUse' | 'metrics' | 'clock' | 'log' | 'apis'> &
    Pick<RouterOverrides, 'alone'> &
    Pick<AppDeps['forwarding'], 'upstream' | 'picker'> & { copy: EdgeCopy; router: string },
): AppDeps {
  const { copy, upstream, picker, router, intake, tokenUse, metrics, clock, log, apis, alone } = parts;
  const { access, pools } = copy;
  const { FAIRWAY_BODY_BUDGET_BYTES: bytes, FAIRWAY_BODY_LINE_BYTES: firstReadBytes } = config;
  const waitMs = config.FAIRWAY_BODY_WAIT_MS;
  const held = (): void => metrics.arrivalsHeld.inc();
  const arrivals = new Arrivals({ nextTurn: setImmediate, held, now: () => clock.monotonic() });
  const hashKey = createSecretKey(config.FAIRWAY_TOKEN_HASH_KEY, 'base64url');
  return {
    apis,
    gate: { access, pools, tokenHashKey: hashKey, ...(alone && { alone }) },
    tokenUse,
    hashKey,
    memory: new BodyRoom({ bytes, firstReadBytes, waitMs }, clock),
    answers: new SharedRoom(config.FAIRWAY_ANSWER_BUDGET_BYTES),
    scans: new ScanQueue(config.FAIRWAY_VOLATILE_MEMBERS),
    intake,
    connections: new ConnectionTurns(arrivals, () => metrics.cut.inc({ reason: 'pipelined' })),
    bodyLimits: {
      bytesMax: config.FAIRWAY_BODY_BYTES_MAX,
      timeoutMs: config.FAIRWAY_BODY_TIMEOUT_MS,
      choicesMax: config.FAIRWAY_CHOICES_MAX,
    },
    times: {
      heartbeatAfterMs: config.FAIRWAY_HEARTBEAT_AFTER_MS,
      heartbeatMs: config.FAIRWAY_HEARTBEAT_MS,
      clientStallTimeoutMs: config.FAIRWAY_CLIENT_STALL_TIMEOUT_MS,
    },
    capacityTimeoutMaxMs: config.FAIRWAY_CAPACITY_TIMEOUT_MAX_MS,
    forwarding: {
      upstream,
      picker,
      routes: new RouteLog(router, config.FAIRWAY_ROUTES_KEPT, clock),
      attemptsMax: config.FAIRWAY_ATTEMPTS_MAX,
      times: {
        firstTokenTimeoutMs: config.FAIRWAY_FIRST_TOKEN_TIMEOUT_MS,
        tokenIdleTimeoutMs: config.FAIRWAY_TOKEN_IDLE_TIMEOUT_MS,
        answerTimeoutMs: config.FAIRWAY_ANSWER_TIMEOUT_MS,
      },
      metrics,
      clock,
    },
    replies: new OpenReplies(),
    metrics,
    clock,
    log,
    newId: () => `req_${randomUUID().replaceAll('-', '')}`,
  };
}

function startAdmin(
  config: RouterConfig,
  registry: Registry,
  { copy, edge, deps }: { copy: EdgeCopy; edge: EdgeSource; deps: AppDeps },
): Promise<RunningServer> {
  const notReady = (): string[] => [
    ...(copy.loaded ? [] : ['access and pools: neither their source nor a copy on disk has been read yet']),
    ...(deps.replies.leaving ? ['the router is stopping'] : []),
  ];
  const { FAIRWAY_ADMIN_HOST: host, FAIRWAY_ADMIN_PORT: port } = config;
  const { routes } = deps.forwarding;
  return serveAdmin({
    host,
    port,
    registry,
    notReady,
    warnings: () => edge.doubts(),
    more: (path) => routes.answer(path),
  });
}

async function startListeners(config: RouterConfig, deps: AppDeps, copy: EdgeCopy): Promise<Listeners> {
  const { clock, log, metrics } = deps;
  await untilLoaded(() => copy.whenLoaded(), clock);
  return Listeners.start(listenerPlaces(config), {
    serve: (listener) => {
      const own = { ...deps, gate: { ...deps.gate, ...(listener && { listener }) } };
      return createListener(createApp(own), own);
    },
    opened: (socket) => deps.connections.open(socket),
    tell: (asked, error) => tell(deps, asked, error),
    metrics,
    reloadEveryMs: config.FAIRWAY_TLS_RELOAD_MS,
    headTimeoutMs: config.FAIRWAY_HEAD_TIMEOUT_MS,
    keepAliveMs: config.FAIRWAY_KEEP_ALIVE_MS,
    lingerMs: config.FAIRWAY_LINGER_MS,
    connectionsMax: config.FAIRWAY_CONNECTIONS_MAX,
    inFlightMax: config.FAIRWAY_IN_FLIGHT_MAX,
    clock,
    log,
  });
}
