import { foreignStamp } from '#shared/contract/stream-stamp.ts';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { serveAdmin } from '#shared/runtime/http/http-server.ts';
import { startKeyedQueue, type KeyedQueue } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { wildcardOf } from '#shared/runtime/tls/leaf-files.ts';
import { verifyStreams } from '#shared/runtime/nats/nats-streams.ts';
import { within } from '#shared/runtime/within.ts';
import { createWork, type Reconciler } from './app.ts';
import { RegionCertificates, type CertificateOptions } from './cluster/region-certificates.ts';
import type { ProvisionerConfig } from './config.ts';
import { startSpecConsumer } from './desired/consumer.ts';
import { DesiredMap, type SpecMessage } from './desired/desired-map.ts';
import { createEndpointDocuments } from './desired/documents.ts';
import { PastChanges } from './desired/past-changes.ts';
import { prefixSaltOf, proofKeyOf, upstreamKeyOf } from './proof/proof-key.ts';
import { createProver, type Prover } from './proof/prover.ts';
import { startProofDesk } from './proof/proof-desk.ts';
import { createProvisionerMetrics, type ProvisionerMetrics } from './report/metrics.ts';
import { Refusals } from './act/refusals.ts';
import { endpointKey, type QueueKey } from './desired/queue-key.ts';
import { resync, type ResyncOptions } from './desired/resync.ts';
import { Clusters, type ClustersOptions } from './cluster/clusters.ts';
import type { KubeWrites } from './kube/kube-client.ts';
import { readEngineChoice } from './engines/engine-choice.ts';
import { readWeightChoice } from './engines/weights.ts';
import { sim } from './engines/sim.ts';
import type { PlanSettings } from './plan/settings.ts';

/** What the process gives; the rest is for tests. */
export interface ProvisionerContext {
  log: Logger;
  signal?: AbortSignal;
  clock?: Clock;
  prover?: Prover;
  /** In place of leases: what is worked on here. */
  owns?: (key: QueueKey) => boolean;
  /** Stands between the steps and the API server. */
  wrapKube?: (kube: KubeWrites) => KubeWrites;
  /** Stands between the process and NATS. */
  wrapNats?: (nats: Nats) => Nats;
}

/** A running provisioner; `url` is its operator's listener. */
export interface Provisioner extends AsyncDisposable {
  url: string;
  /** What it works on; opened and closed while it runs. */
  clusters: Pick<Clusters, 'open' | 'close'>;
}

/**
 * Wires a provisioner in the order in which its parts depend on each other, and waits for NATS. Clusters are opened in the
 * background: one whose API server is away holds no other up.
 */
export async function startProvisioner(config: ProvisionerConfig, context: ProvisionerContext): Promise<Provisioner> {
  const { log, clock = systemClock } = context;
  await using stack = new AsyncDisposableStack();
  const late: { queue?: KeyedQueue; resync?: Loop; clusters?: Clusters } = {};
  const wake = (key: QueueKey): void => void late.queue?.add(key);
  const registry = createRegistry('provisioner');
  const metrics = createProvisionerMetrics(registry, log, {
    queueDepth: () => late.queue?.depth() ?? 0,
    clusters: () => late.clusters?.all() ?? [],
  });
  const connected = await connect(config, context, stack);
  const nats = context.wrapNats?.(connected) ?? connected;
  const certificates = await startCertificates(config, { clock, log, onChange: () => late.resync?.wake() }, stack);
  const published = (): readonly string[] => certificates?.published() ?? [];
  const reconciler = createReconciler(config, { nats, context, log, clock, metrics, wake, published }, stack);
  const { desired, pastChanges } = reconciler;
  const onLoss = (): void => late.resync?.wake();
  const leafFor: ClustersOptions['leafFor'] = async (present) => (await certificates?.leafFor(present)) ?? null;
  const clusters = stack.use(
    clustersOf(config, { nats, context, log, clock, metrics, wake, onLoss, desired, leafFor }),
  );
  late.clusters = clusters;
  late.queue = stack.use(startQueue(config, { log, clock, metrics }, createWork(reconciler, clusters)));
  for (const { vpcId, kubeconfigPath } of config.FAIRWAY_CLUSTERS) await clusters.open(vpcId, kubeconfigPath);

  const take = takeInto(desired, { log, metrics, wake });
  stack.use(startSpecConsumer({ nats, clock, log, instanceId: config.FAIRWAY_INSTANCE_ID, take }));
  const onPastChanges: ResyncOptions['onPastChanges'] = (all) => pastChanges.replace(all);
  const round = resyncRound({ nats, clock, log, desired, take, wake, onPastChanges }, clusters);
  let rounds = 0;
  const turn = async (signal: AbortSignal): Promise<void> => {
    // The first round finds everything new, which corrects nothing.
    await round(rounds === 0 ? () => {} : metrics.corrected, signal);
    rounds += 1;
  };
  const everyMs = config.FAIRWAY_RESYNC_MS;
  late.resync = stack.use(startLoop({ name: 'resync', everyMs, clock, log, jitter: 0.1 }, turn));
  const { FAIRWAY_ADMIN_HOST: host, FAIRWAY_ADMIN_PORT: port } = config;
  const notReady = (): string[] => [
    ...(nats.up() ? [] : ['nats']),
    ...(rounds > 0 ? [] : ['first resync']),
    ...clusters.all().flatMap((cluster) => cluster.problems()),
  ];
  const warnings = (): string[] => [
    ...(certificates?.problems() ?? []),
    ...clusters.all().flatMap((cluster) => cluster.warnings()),
  ];
  const admin = stack.use(await serveAdmin({ host, port, registry, notReady, warnings }));
  const running = stack.move();
  return { url: admin.url, clusters, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** How long the start waits for the streams. */
const streamsTimeoutMs = 60_000;

async function connect(
  config: ProvisionerConfig,
  { log, clock = systemClock, signal = new AbortController().signal }: ProvisionerContext,
  stack: AsyncDisposableStack,
): Promise<Nats> {
  const { FAIRWAY_NATS_URL: url, FAIRWAY_NATS_DRAIN_TIMEOUT_MS: drainTimeoutMs } = config;
  const name = `provisioner-${config.FAIRWAY_INSTANCE_ID}`;
  const nats = stack.use(await connectNats({ url, drainTimeoutMs, name, log, signal }));
  const { desired, status, events, edge, infra, leases } = streams;
  const check = foreignStamp(config.FAIRWAY_REGION);
  const verified = verifyStreams(nats, [desired, status, events, edge, infra, leases], { check, signal });
  await within(verified, streamsTimeoutMs, { clock, signal });
  return nats;
}

/** What the parts of the process share. */
interface Parts {
  nats: Nats;
  context: ProvisionerContext;
  log: Logger;
  clock: Clock;
  metrics: ProvisionerMetrics;
  wake: (key: QueueKey) => void;
}

function clustersOf(
  config: ProvisionerConfig,
  parts: Parts & Pick<ClustersOptions, 'desired' | 'onLoss' | 'leafFor'>,
): Clusters {
  const { nats, context, log, clock, metrics, wake, desired, onLoss, leafFor } = parts;
  return new Clusters({
    nats,
    clock,
    log,
    desired,
    wake,
    onLoss,
    leafFor,
    metrics: metrics.kube,
    onOverdueDrain: () => metrics.overdueDrain(),
    region: config.FAIRWAY_REGION,
    instanceId: config.FAIRWAY_INSTANCE_ID,
    shards: config.FAIRWAY_SHARDS,
    leaseMs: config.FAIRWAY_LEASE_MS,
    routerSilentMs: config.FAIRWAY_ROUTER_SILENT_MS,
    lookEveryMs: config.FAIRWAY_CLUSTER_LOOK_MS,
    hosts: wildcardOf(config.FAIRWAY_HOST_DOMAIN),
    owns: context.owns,
    wrapKube: context.wrapKube,
  });
}

/** One comparison of everything that is desired with everything that is. */
function resyncRound(
  parts: Pick<ResyncOptions, 'nats' | 'clock' | 'log' | 'desired' | 'take' | 'onPastChanges'> & Pick<Parts, 'wake'>,
  clusters: Clusters,
) {
  return (onCorrected: ResyncOptions['onCorrected'], signal: AbortSignal): Promise<void> =>
    resync(
      {
        ...parts,
        wake: (endpointId) => parts.wake(endpointKey(endpointId)),
        endpointsInClusters: () => clusters.endpoints(),
        vpcIds: () => clusters.all().map(({ vpcId }) => vpcId),
        onCorrected,
      },
      signal,
    );
}

/** The region's certificates, where it has an authority. */
async function startCertificates(
  config: ProvisionerConfig,
  given: Pick<CertificateOptions, 'clock' | 'log' | 'onChange'>,
  stack: AsyncDisposableStack,
): Promise<RegionCertificates | undefined> {
  const { FAIRWAY_CA_DIR: authorityDir, FAIRWAY_LEAF_DIR: leafDir, FAIRWAY_CA_LOOK_MS: everyMs } = config;
  if (authorityDir === undefined) return undefined;
  const hosts = [wildcardOf(config.FAIRWAY_HOST_DOMAIN)];
  return stack.use(await RegionCertificates.start({ authorityDir, leafDir, everyMs, hosts, ...given }));
}

/** What one look at an endpoint is made with. */
function createReconciler(
  config: ProvisionerConfig,
  parts: Parts & { published: PlanSettings['caCertificates'] },
  stack: AsyncDisposableStack,
): Reconciler {
  const { nats, context, log, clock, metrics, wake, published } = parts;
  const provisionerKey = Buffer.from(config.FAIRWAY_PROVISIONER_KEY, 'base64url');
  const timeoutMs = config.FAIRWAY_PROOF_TIMEOUT_MS;
  const proofs = startProofDesk({
    prover: context.prover ?? createProver({ provisionerKey, clock, timeoutMs, trusted: published }),
    clock,
    concurrency: 64,
    backoff: { baseMs: 100, maxMs: 5000 },
    onOutcome(endpointId, outcome) {
      metrics.proof(outcome.ok);
      if (!outcome.ok) log.info({ endpointId, reason: outcome.reason }, 'proof.failed');
      wake(endpointKey(endpointId));
    },
  });
  return {
    nats,
    log,
    clock,
    metrics,
    wake,
    proofs: stack.use(proofs),
    desired: new DesiredMap(),
    pastChanges: new PastChanges(),
    documents: createEndpointDocuments(nats),
    refusals: new Refusals(),
    sealPrivateKey: config.FAIRWAY_SEAL_PRIVATE_KEY ?? null,
    renewMax: config.FAIRWAY_RENEW_MAX,
    settings: planSettings(config, { provisionerKey, caCertificates: published }),
  };
}

function planSettings(
  config: ProvisionerConfig,
  { provisionerKey, caCertificates }: Pick<PlanSettings, 'caCertificates'> & { provisionerKey: Uint8Array },
): PlanSettings {
  const { FAIRWAY_S3_ACCESS_KEY_ID: keyId, FAIRWAY_S3_SECRET_ACCESS_KEY: secret } = config;
  return {
    manifests: {
      graceMs: config.FAIRWAY_GRACE_MS,
      preStopMs: config.FAIRWAY_PRESTOP_MS,
      sizeLabel: config.FAIRWAY_SIZE_LABEL ?? null,
      engineOf: readEngineChoice(config.FAIRWAY_ENGINES) ?? (() => sim),
      weightsOf: readWeightChoice(config.FAIRWAY_WEIGHTS) ?? (() => null),
      storage: {
        endpoint: config.FAIRWAY_S3_ENDPOINT,
        region: config.FAIRWAY_S3_REGION,
        network: config.FAIRWAY_S3_NETWORK ?? null,
      },
      kvEvents: config.FAIRWAY_KV_EVENTS === 'on',
    },
    storageKeys: keyId === undefined || secret === undefined ? undefined : { keyId, secret },
    drainTimeoutMs: config.FAIRWAY_DRAIN_TIMEOUT_MS,
    changeDeadlineMs: config.FAIRWAY_CHANGE_DEADLINE_MS,
    holdMaxMs: config.FAIRWAY_HOLD_MAX_MS,
    minimumAfterMs: config.FAIRWAY_MINIMUM_AFTER_MS,
    reproveMs: config.FAIRWAY_REPROVE_MS,
    reproveFailures: config.FAIRWAY_REPROVE_FAILURES,
    lostAfterMs: config.FAIRWAY_LOST_AFTER_MS,
    lostByMs: config.FAIRWAY_LOST_BY_MS,
    hostDomain: config.FAIRWAY_HOST_DOMAIN,
    caCertificates,
    upstreamKeyOf: (pool) => upstreamKeyOf(provisionerKey, pool),
    prefixSaltOf: (pool) => prefixSaltOf(provisionerKey, pool),
    proofKeyOf: (pool) => proofKeyOf(provisionerKey, pool).publicKey,
    writer: config.FAIRWAY_INSTANCE_ID,
  };
}

function startQueue(
  config: ProvisionerConfig,
  { log, clock, metrics }: Pick<Parts, 'log' | 'clock' | 'metrics'>,
  handle: ReturnType<typeof createWork>,
): KeyedQueue {
  const { FAIRWAY_CONCURRENCY: concurrency, FAIRWAY_KEYS_MAX: keysMax } = config;
  const backoff = { baseMs: 100, maxMs: 10_000 };
  const onRefused = (): void => metrics.refusedKey();
  return startKeyedQueue({ name: 'looks', clock, log, concurrency, keysMax, backoff, onRefused }, handle);
}

/** Puts what the stream says into the map and wakes its key; what cannot be read is said once. */
function takeInto(
  desired: DesiredMap,
  { log, metrics, wake }: Pick<Parts, 'log' | 'metrics' | 'wake'>,
): (message: SpecMessage) => boolean {
  return (message) => {
    const { endpointId } = message;
    const news = desired.take(message);
    const entry = desired.get(endpointId);
    if (news && entry.kind === 'parked') {
      metrics.parked();
      log.error({ endpointId, revision: entry.revision, reason: entry.reason }, 'desired.parked');
    }
    if (news) wake(endpointKey(endpointId));
    return news;
  };
}
