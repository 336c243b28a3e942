import { foreignStamp } from '#shared/contract/stream-stamp.ts';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { serveAdmin } from '#shared/runtime/http/http-server.ts';
import { startKeyedQueue, type KeyedQueue } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { verifyStreams } from '#shared/runtime/nats/nats-streams.ts';
import { createWork } from './app.ts';
import { startCaches } from './observe/caches.ts';
import { unheardKubelets } from './observe/pod-view.ts';
import { kinds } from './kube/kinds.ts';
import type { ProvisionerConfig } from './config.ts';
import { startSpecConsumer } from './desired/consumer.ts';
import { DesiredMap, type SpecMessage } from './desired/desired-map.ts';
import { createEndpointDocuments } from './desired/documents.ts';
import { DrainRegistry } from './drain/drain-registry.ts';
import { installFence } from './cluster/install-fence.ts';
import { WroteAt } from './kube/wrote-at.ts';
import { startLeases } from './leases/leases.ts';
import { prefixSaltOf, proofKeyOf, upstreamKeyOf } from './proof/proof-key.ts';
import { createProver, type Prover } from './proof/prover.ts';
import { startProofDesk } from './proof/proof-desk.ts';
import { createProvisionerMetrics, type ProvisionerMetrics } from './report/metrics.ts';
import type { Reconciler } from './app.ts';
import { Refusals } from './act/refusals.ts';
import { resync } from './desired/resync.ts';
import type { PlanSettings } from './plan/settings.ts';
import { connectKube, type KubeWrites } from './kube/kube-client.ts';

/** What the process gives; the rest is for tests. */
export interface ProvisionerContext {
  log: Logger;
  signal?: AbortSignal;
  clock?: Clock;
  prover?: Prover;
  /** In place of leases: which endpoints are worked on here. */
  owns?: (endpointId: string) => boolean;
  /** Stands between the steps and the API server. */
  wrapKube?: (kube: KubeWrites) => KubeWrites;
}

/** A running provisioner; `url` is its operator's listener. */
export interface Provisioner extends AsyncDisposable {
  url: string;
}

/**
 * Wires a provisioner in the order in which its parts depend on each other, and waits for NATS and the API server.
 * Wake-ups that come before everything is there are dropped: the first resync visits every endpoint.
 */
export async function startProvisioner(config: ProvisionerConfig, context: ProvisionerContext): Promise<Provisioner> {
  const { log, clock = systemClock } = context;
  await using stack = new AsyncDisposableStack();
  const late: Late = {};
  const missed = new Set<string>();
  const wake = (endpointId: string): void => {
    if (late.owns?.(endpointId) === true) late.queue?.add(endpointId);
    else missed.add(endpointId);
  };
  const registry = createRegistry('provisioner');
  const metrics = createProvisionerMetrics(registry, log, () => late.queue?.depth() ?? 0);
  const onSilence = (): void => late.wakeAll?.();
  const outside = await connect(config, { ...context, clock, metrics, wake, onSilence }, stack);
  const reconciler = startReconciler(config, { ...outside, context, log, clock, metrics, wake }, stack);
  const { nats } = outside;
  const { desired, caches } = reconciler;
  const wakeAll = (): void => [...new Set([...desired.keys(), ...caches.endpoints()])].forEach(wake);
  late.wakeAll = wakeAll;
  const { FAIRWAY_INSTANCE_ID: instanceId, FAIRWAY_SHARDS: shards, FAIRWAY_LEASE_MS: leaseMs } = config;
  const lease = { nats, clock, log, vpcId: config.FAIRWAY_VPC_ID, instanceId, shards, leaseMs };
  const leases = await startLeases({ ...lease, onChange: wakeAll });
  stack.use(leases);
  const owns = context.owns ?? ((endpointId) => leases.ownership(endpointId) === 'mine');
  late.owns = owns;
  late.queue = stack.use(startQueue(config, { log, clock }, createWork({ owns, reconciler })));
  wakeAll();
  // Wake-ups from a moment in which this process could not be sure of its own leases.
  const again = (): void => {
    const keys = [...missed];
    missed.clear();
    keys.filter(owns).forEach(wake);
  };
  stack.use(startLoop({ name: 'missed wake-ups', everyMs: leaseMs, clock, log }, again));

  const take = takeInto(desired, { log, metrics, wake });
  stack.use(startSpecConsumer({ nats, clock, log, instanceId, take }));
  const rounds = { nats, clock, log, desired, take, wake, endpointsInCluster: () => caches.endpoints() };
  const loop = { name: 'resync', everyMs: config.FAIRWAY_RESYNC_MS, clock, log, jitter: 0.1 };
  let round = 0;
  const turn = async (signal: AbortSignal): Promise<void> => {
    await caches.synced(signal);
    // The first round finds everything new, which corrects nothing.
    const onCorrected = round === 0 ? () => {} : metrics.corrected;
    await resync({ ...rounds, onCorrected }, signal);
    round += 1;
  };
  stack.use(startLoop(loop, turn));
  const { FAIRWAY_ADMIN_HOST: host, FAIRWAY_ADMIN_PORT: port } = config;
  const notReady = (): string[] => [
    ...(nats.up() ? [] : ['nats']),
    ...(round > 0 ? [] : ['first resync']),
    ...outside.drains.problems(),
    ...unheardKubelets(caches.of(kinds.pod)?.store.list() ?? []),
  ];
  const admin = stack.use(await serveAdmin({ host, port, registry, notReady }));
  const running = stack.move();
  return { url: admin.url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Parts that exist later than those that call them. */
interface Late {
  queue?: KeyedQueue;
  owns?: (endpointId: string) => boolean;
  wakeAll?: () => void;
}

/** Everything outside of the process: NATS, the cluster with its fence, the routers. */
async function connect(
  config: ProvisionerConfig,
  context: ProvisionerContext & {
    clock: Clock;
    metrics: ProvisionerMetrics;
    wake: (endpointId: string) => void;
    onSilence: () => void;
  },
  stack: AsyncDisposableStack,
) {
  const { log, clock, metrics, wake: onFreed, onSilence, signal = new AbortController().signal } = context;
  const { FAIRWAY_NATS_URL: url, FAIRWAY_INSTANCE_ID: instanceId, FAIRWAY_VPC_ID: vpcId } = config;
  const nats = stack.use(await connectNats({ url, name: `provisioner-${instanceId}`, log, signal }));
  const { desired, status, events, edge, infra, leases } = streams;
  await verifyStreams(nats, [desired, status, events, edge, infra, leases], foreignStamp(config.FAIRWAY_REGION));
  const client = stack.use(await connectKube(config.FAIRWAY_KUBECONFIG, { log, onCall: metrics.kube.onCall }));
  await installFence({ kube: client, clock, log, signal });
  const silentMs = config.FAIRWAY_ROUTER_SILENT_MS;
  const drains = stack.use(new DrainRegistry({ nats, kube: client, clock, log, vpcId, silentMs, onFreed, onSilence }));
  metrics.routers(() => drains.counts());
  return { nats, client, drains };
}

type Outside = Awaited<ReturnType<typeof connect>>;

interface ReconcilerParts extends Outside {
  context: ProvisionerContext;
  log: Logger;
  clock: Clock;
  metrics: ProvisionerMetrics;
  wake: (endpointId: string) => void;
}

/** What one look at an endpoint is made with. */
function startReconciler(config: ProvisionerConfig, parts: ReconcilerParts, stack: AsyncDisposableStack): Reconciler {
  const { nats, client, drains, context, log, clock, metrics, wake } = parts;
  const provisionerKey = Buffer.from(config.FAIRWAY_PROVISIONER_KEY, 'base64url');
  const timeoutMs = config.FAIRWAY_PROOF_TIMEOUT_MS;
  const proofs = startProofDesk({
    prover: context.prover ?? createProver({ provisionerKey, clock, timeoutMs }),
    clock,
    concurrency: 64,
    backoff: { baseMs: 100, maxMs: 5000 },
    onOutcome(endpointId, outcome) {
      metrics.proof(outcome.ok);
      if (!outcome.ok) log.info({ endpointId, reason: outcome.reason }, 'proof.failed');
      wake(endpointId);
    },
  });
  const onEvent = metrics.kube.onEvent;
  const caches = stack.use(startCaches({ client, clock, log, onWake: wake, onEvent }));
  metrics.kube.observe(caches.reflectors());
  return {
    nats,
    log,
    clock,
    metrics,
    drains,
    kube: context.wrapKube?.(client) ?? client,
    proofs: stack.use(proofs),
    caches,
    desired: new DesiredMap(),
    documents: createEndpointDocuments(nats),
    wroteAt: new WroteAt({ clock, waitMaxMs: 5000, onOverdue: metrics.kube.onOverdue }),
    refusals: new Refusals(),
    vpcId: config.FAIRWAY_VPC_ID,
    sealPrivateKey: config.FAIRWAY_SEAL_PRIVATE_KEY ?? null,
    settings: planSettings(config, provisionerKey),
  };
}

function planSettings(config: ProvisionerConfig, provisionerKey: Uint8Array): PlanSettings {
  return {
    manifests: { graceMs: config.FAIRWAY_GRACE_MS, preStopMs: config.FAIRWAY_PRESTOP_MS },
    drainTimeoutMs: config.FAIRWAY_DRAIN_TIMEOUT_MS,
    changeDeadlineMs: config.FAIRWAY_CHANGE_DEADLINE_MS,
    minimumAfterMs: config.FAIRWAY_MINIMUM_AFTER_MS,
    reproveMs: config.FAIRWAY_REPROVE_MS,
    reproveFailures: config.FAIRWAY_REPROVE_FAILURES,
    lostAfterMs: config.FAIRWAY_LOST_AFTER_MS,
    lostByMs: config.FAIRWAY_LOST_BY_MS,
    hostDomain: config.FAIRWAY_HOST_DOMAIN,
    upstreamKeyOf: (pool) => upstreamKeyOf(provisionerKey, pool),
    prefixSaltOf: (pool) => prefixSaltOf(provisionerKey, pool),
    proofKeyOf: (pool) => proofKeyOf(provisionerKey, pool).publicKey,
    writer: config.FAIRWAY_INSTANCE_ID,
  };
}

function startQueue(
  config: ProvisionerConfig,
  { log, clock }: { log: Logger; clock: Clock },
  handle: ReturnType<typeof createWork>,
): KeyedQueue {
  const { FAIRWAY_CONCURRENCY: concurrency, FAIRWAY_KEYS_MAX: keysMax } = config;
  const backoff = { baseMs: 100, maxMs: 10_000 };
  return startKeyedQueue({ name: 'endpoints', clock, log, concurrency, keysMax, backoff }, handle);
}

/** Puts what the stream says into the map and wakes its key; what cannot be read is said once. */
function takeInto(
  desired: DesiredMap,
  { log, metrics, wake }: Pick<ReconcilerParts, 'log' | 'metrics' | 'wake'>,
): (message: SpecMessage) => boolean {
  return (message) => {
    const { endpointId } = message;
    const news = desired.take(message);
    const entry = desired.get(endpointId);
    if (news && entry.kind === 'parked') {
      metrics.parked();
      log.error({ endpointId, revision: entry.revision, reason: entry.reason }, 'desired.parked');
    }
    if (news) wake(endpointId);
    return news;
  };
}
