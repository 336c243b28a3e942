import type { ClusterDocument } from '#shared/contract/infra.ts';
import type { Region } from '#shared/contract/ids.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { QueueVerdict } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { clusterKey, endpointKey, type QueueKey } from '../desired/queue-key.ts';
import { DrainRegistry } from '../drain/drain-registry.ts';
import { connectKube, type KubeClient, type KubeWrites } from '../kube/kube-client.ts';
import { isConflict, KubeError } from '../kube/kube-error.ts';
import type { KubeMetrics } from '../kube/kube-metrics.ts';
import { WroteAt } from '../kube/wrote-at.ts';
import { startLeases, type Leases, type Ownership } from '../leases/leases.ts';
import { startCaches, type Caches } from '../observe/caches.ts';
import { kinds } from '../kube/kinds.ts';
import { unheardKubelets } from '../observe/pod-view.ts';
import type { Hold } from '../plan/hold.ts';
import { ClusterGateway } from './cluster-gateway.ts';
import type { GatewayFacts } from './gateway-status.ts';
import { observeCluster, readGreatestIntentSeq, servesGatewayApi, takeClusterStep } from './look-at-cluster.ts';
import { planCluster } from './plan-cluster.ts';
import { LeafSecret, type LeafFor } from './leaf-secret.ts';
import { reportCluster } from './report-cluster.ts';

/** What opening a cluster needs; the rest is the process' own. */
export interface ClusterOptions {
  vpcId: string;
  kubeconfigPath: string;
  region: Region;
  nats: Nats;
  clock: Clock;
  log: Logger;
  metrics: KubeMetrics;
  instanceId: string;
  shards: number;
  leaseMs: number;
  routerSilentMs: number;
  /** Wildcard of the endpoints' host names. */
  hosts: string;
  /** Time between looks at a cluster that is worked on. */
  lookEveryMs: number;
  wake: (key: QueueKey) => void;
  /** Called when every endpoint of the cluster has to be looked at. */
  wakeAll: () => void;
  /** What routers' private listeners show; never another where the region has no authority. */
  leafFor: LeafFor;
  /** Called for each replica that goes because its drain's deadline is over. */
  onOverdueDrain: () => void;
  /** Called when desired state has lost documents, which no message tells of. */
  onLoss: () => void;
  /** In place of leases: what is worked on here. */
  owns?: ((key: QueueKey) => boolean) | undefined;
  /** Stands between the steps and the API server. */
  wrapKube?: ((kube: KubeWrites) => KubeWrites) | undefined;
}

/** How a cluster stands. */
export type ClusterState = Hold & { state: ClusterDocument['state'] | 'opening' };

/** Pauses before the next look, milliseconds: while it is opened, and while something stands in the way. */
const pauseMs = { opening: 250, waiting: 5000, retryMax: 60_000 } as const;

const opening: ClusterState = {
  state: 'opening',
  reason: 'Opening',
  message: 'The cluster is being opened.',
  hint: '',
};
const ready: ClusterState = { state: 'ready', reason: 'Ready', message: 'The cluster is worked on.', hint: '' };

/** One VPC's cluster: its client, local copies, drains and leases. Opened and closed at run time. */
export class Cluster implements AsyncDisposable {
  readonly vpcId: string;
  /** Writes of steps. */
  readonly kube: KubeWrites;
  readonly drains: DrainRegistry;
  readonly wroteAt: WroteAt;
  /** Endpoints that `DESIRED` does not know, as last looked at here. */
  readonly quarantined = new Set<string>();
  /** Endpoints whose turn it is to get new pod templates. */
  readonly renewing = new Set<string>();
  readonly #options: ClusterOptions;
  readonly #client: KubeClient;
  readonly #leases: Leases;
  readonly #gateway: ClusterGateway;
  readonly #leaf: LeafSecret;
  readonly #stack: AsyncDisposableStack;
  #caches: Caches | undefined;
  #state = opening;
  #inForce = false;
  #gatewayApi = false;
  #restUntil = 0;
  #documents = 0;
  #greatest = 0;

  private constructor(
    options: ClusterOptions,
    parts: { client: KubeClient; leases: Leases; stack: AsyncDisposableStack },
  ) {
    const { vpcId, nats, clock, log, metrics, wake, routerSilentMs: silentMs } = options;
    this.vpcId = vpcId;
    this.#options = options;
    this.#client = parts.client;
    this.#leases = parts.leases;
    this.#gateway = new ClusterGateway(log);
    this.#leaf = new LeafSecret(options.leafFor, log);
    this.#stack = parts.stack;
    this.kube = options.wrapKube?.(this.#client) ?? this.#client;
    this.wroteAt = new WroteAt({ clock, waitMaxMs: 5000, onOverdue: metrics.onOverdue });
    const onFreed = (endpointId: string): void => wake(endpointKey(endpointId));
    const heard = { onFreed, onSilence: options.wakeAll, onOverdue: options.onOverdueDrain };
    this.drains = this.#stack.use(
      new DrainRegistry({ nats, kube: this.#client, clock, log, vpcId, silentMs, ...heard }),
    );
  }

  /**
   * Opens a cluster: nothing of it is awaited but its leases, so that one whose API server is away holds nobody up. The
   * first look at its key does the rest. @throws a sentence when the kubeconfig is unusable.
   */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const { vpcId, kubeconfigPath, log, metrics, nats, clock, instanceId, shards, leaseMs } = options;
    await using stack = new AsyncDisposableStack();
    const client = stack.use(await connectKube(kubeconfigPath, { log, onCall: metrics.onCall }));
    const onChange = options.wakeAll;
    const leases = stack.use(await startLeases({ nats, clock, log, vpcId, instanceId, shards, leaseMs, onChange }));
    return new Cluster(options, { client, leases, stack: stack.move() });
  }

  /** Has it looked at. */
  wake(): void {
    this.#options.wake(clusterKey(this.vpcId));
  }

  /** Local copies of its objects; undefined until the fence is in force. */
  get caches(): Caches | undefined {
    return this.#caches;
  }

  get state(): ClusterState {
    return this.#state;
  }

  ownership(key: QueueKey): Ownership {
    const { owns } = this.#options;
    if (owns === undefined) return this.#leases.ownership(key);
    return owns(key) ? 'mine' : 'other';
  }

  /** Why its endpoints may not be worked on; null when they may, or when it is only being opened. */
  hold(): Hold | null {
    const { state, ...hold } = this.#state;
    return state === 'refused' || (state === 'unreachable' && this.#caches === undefined) ? hold : null;
  }

  /** For `/readyz`. */
  problems(): string[] {
    const { state, message } = this.#state;
    const pods = this.#caches?.of(kinds.pod)?.store.list() ?? [];
    return [
      ...(state === 'ready' ? [] : [`cluster ${this.vpcId}: ${message}`]),
      ...this.drains.problems(),
      ...unheardKubelets(pods),
    ];
  }

  /** For `/readyz` too, but nothing that keeps this process from its work. */
  warnings(): string[] {
    const { size } = this.quarantined;
    const some = [...this.quarantined].slice(0, 5).join(', ');
    const told = size === 0 ? [] : [`${size} endpoints in quarantine: ${some}`];
    const all = [...told, ...this.#gateway.warnings(), ...this.#leaf.warnings(), ...this.drains.warnings()];
    return all.map((warning) => `cluster ${this.vpcId}: ${warning}`);
  }

  /** The API server has asked to be left alone. */
  rest(ms: number): void {
    this.#restUntil = Math.max(this.#restUntil, this.#options.clock.monotonic() + Math.min(ms, pauseMs.retryMax));
  }

  /** Time that the API server is still to be left alone, milliseconds. */
  restMs(): number {
    return Math.max(0, this.#restUntil - this.#options.clock.monotonic());
  }

  /** One look at what its endpoints share: observe → plan → act → report. */
  async look(signal: AbortSignal): Promise<QueueVerdict> {
    const { nats, region, hosts } = this.#options;
    const sight = { kube: this.#client, nats, region, vpcId: this.vpcId, hosts, signal };
    try {
      const observed = await observeCluster(sight, this.#inForce);
      const { refusal, steps } = planCluster(observed);
      if (observed.documents < this.#documents) this.#options.onLoss();
      this.#documents = observed.documents;
      if (refusal !== null) {
        // Who has lost the stream has to know where a new one must begin.
        if (refusal.reason !== 'ForeignCluster') this.#greatest = await readGreatestIntentSeq(this.#client, signal);
        await this.#move({ state: 'refused', ...refusal });
        return { requeueAfterMs: pauseMs.waiting };
      }
      for (const step of steps) {
        this.#options.log.info({ vpcId: this.vpcId, step: step.kind, reason: step.why }, 'cluster.step');
        await takeClusterStep(sight, step);
      }
      this.#inForce = true;
      const caches = this.#startCaches();
      const served = await servesGatewayApi(sight);
      const followed = await this.#follow(caches, served);
      await this.#move(ready);
      if (served) await this.#gateway.keep(sight, this.#gatewayFacts(caches));
      await this.#leaf.keep(sight);
      return { requeueAfterMs: Math.min(this.#options.lookEveryMs, followed ? Infinity : pauseMs.waiting) };
    } catch (error) {
      signal.throwIfAborted();
      return { requeueAfterMs: await this.#failed(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** What the Gateway's status is made from; null while that is another process's to write, or its routes are unread. */
  #gatewayFacts(caches: Caches): Omit<GatewayFacts, 'revision'> | null {
    if (!this.#gatewayApi || this.ownership(clusterKey(this.vpcId)) !== 'mine') return null;
    const { registered } = this.drains.counts();
    const routes = caches.of(kinds.httpRoute)?.store.list() ?? [];
    return {
      routes,
      registered,
      behind: (revision) => this.drains.behind(revision),
      now: this.#options.clock.now(),
    };
  }

  async #failed(error: unknown): Promise<number> {
    if (isConflict(error)) return pauseMs.opening;
    const message = error instanceof Error ? error.message : String(error);
    this.#options.log.info({ vpcId: this.vpcId, reason: message }, 'cluster.waiting');
    if (error instanceof KubeError && error.status === 0)
      await this.#move({
        state: 'unreachable',
        reason: 'ClusterUnreachable',
        message,
        hint: 'See whether its API server runs.',
      });
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    this.rest(asked);
    return Math.max(asked, this.#caches === undefined ? pauseMs.opening : pauseMs.waiting);
  }

  #startCaches(): Caches {
    if (this.#caches !== undefined) return this.#caches;
    const { clock, log, metrics, wake } = this.#options;
    const onWake = (endpointId: string): void => wake(endpointKey(endpointId));
    const caches = startCaches({ client: this.#client, clock, log, onWake, onEvent: metrics.onEvent });
    this.#caches = this.#stack.use(caches);
    this.#stack.defer(metrics.observe(this.vpcId, () => caches.reflectors()));
    return caches;
  }

  /**
   * Endpoints have routes and InferencePools while the cluster knows these kinds, which may be installed at any time.
   * True when they are watched as they should be; until then it is looked again soon.
   */
  async #follow(caches: Caches, served: boolean): Promise<boolean> {
    await caches.followGatewayApi(served);
    const read = caches.of(kinds.httpRoute) !== undefined;
    if (read !== this.#gatewayApi) {
      this.#gatewayApi = read;
      this.#options.log.info({ vpcId: this.vpcId, served }, 'cluster.gateway_api');
      this.#options.wakeAll();
    }
    return read === served;
  }

  /** Remembers how it stands, says so in `infra`, and has every endpoint looked at when that is news. */
  async #move(next: ClusterState): Promise<void> {
    const news = next.state !== this.#state.state || next.reason !== this.#state.reason;
    this.#state = next;
    if (news) {
      const { state, reason, message } = next;
      this.#options.log[state === 'ready' ? 'info' : 'error'](
        { vpcId: this.vpcId, reason, message },
        `cluster.${state}`,
      );
      this.#options.wakeAll();
    }
    if (next.state === 'opening' || (!news && this.ownership(clusterKey(this.vpcId)) !== 'mine')) return;
    const { nats, region, clock, instanceId: writer } = this.#options;
    const { state, reason, message } = next;
    const greatestIntentSeq = this.#caches?.greatestIntentSeq() ?? this.#greatest;
    const at = { vpcId: this.vpcId, region, updatedAt: new Date(clock.now()).toISOString(), writer };
    await reportCluster(nats, { ...at, state, reason, message, greatestIntentSeq });
  }
}
