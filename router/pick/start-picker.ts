import { redisKeys } from '#shared/contract/subjects.ts';
import type { PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { EdgeCopy } from '../edge/edge-copy.ts';
import type { WaitLimits } from './pool-wait.ts';
import { ReplicaPicker } from './replica-picker.ts';
import { TokenWeights } from './bytes-per-token.ts';
import type { Upstream } from '../forward/upstream.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import { PrefixExchange } from '../ledger/prefix-sync.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import type { ReplicaTable } from '../replicas/replica-table.ts';
import { ReplicaHealth } from '../replicas/replica-health.ts';
import { Scraper } from '../scrape/scraper.ts';

/** What the routing state is made of. */
export interface RoutingOptions {
  readonly routerId: string;
  readonly epoch: number;
  readonly copy: EdgeCopy;
  readonly upstream: Upstream;
  readonly table: ReplicaTable;
  readonly ledger: LedgerChannel;
  readonly limits: WaitLimits;
  readonly scrapeMs: number;
  readonly hitsKnown: (predicted: number, reported: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Everything that the picker decides from, kept current from pools, scrapes and the other routers. */
export interface RoutingState extends AsyncDisposable {
  readonly picker: ReplicaPicker;
  readonly index: PrefixIndex;
  /** Requests on replicas, of all routers, as far as the ledger tells. */
  clusterInFlight(): number;
}

/** How often it is looked whether this router hears itself. */
const channelCheckMs = 250;

/** The prefix of this VPC's Redis keys and of its channel. */
export function ledgerPrefix(vpcId: string): string {
  return redisKeys.ledgerChannel(vpcId).replace(/:ledger$/, '');
}

/** What a router's visible key in Redis says of each replica, for people with redis-cli; nobody decides by it. */
export function describeReplicas(table: ReplicaTable, now: number): Record<string, string> {
  return Object.fromEntries(
    table
      .view(now)
      .replicas.map(({ id, condition, running, waiting, kvUse, inFlight }) => [
        `state:${id}`,
        JSON.stringify({ condition, inFlight, running, waiting, kvUse }),
      ]),
  );
}

/** Joins the parts; nothing in it waits for Redis or a replica. */
export function startRoutingState(options: RoutingOptions): RoutingState {
  const { copy, clock, log, ledger, table, routerId, epoch } = options;
  const { pools } = copy;
  const health = new ReplicaHealth();
  const weights = new TokenWeights();
  const index = new PrefixIndex({ capacityBytes: (replica) => capacityBytes(copy, weights, replica) });
  const publish = (message: LedgerMessage): void => ledger.publish(message);
  const exchange = new PrefixExchange({ router: routerId, index, publish });
  const picker = new ReplicaPicker({
    pools,
    table,
    index,
    health,
    weights,
    limits: options.limits,
    clock,
    rowChanged: () => publish({ kind: 'row', from: routerId, row: table.row() }),
    announce: (news) => exchange.announce(news),
    hitsKnown: options.hitsKnown,
  });
  const known = new KnownReplicas(options, { health, index });
  copy.onChange((what) => {
    if (what === 'pools') known.update();
    picker.refresh();
  });
  ledger.subscribe(listener({ table, exchange, copy, epoch, clock }));
  publish({ kind: 'row', from: routerId, row: table.row() });
  const watch = startLoop({ name: 'ledger.watch', everyMs: channelCheckMs, clock, log }, () =>
    table.setChannelUp(ledger.up(), clock.monotonic()),
  );
  const scraper = new Scraper({
    pools: () => pools.documents(),
    everyMs: options.scrapeMs,
    scraped: (result) => {
      health.scraped(result.replicaId, result.health);
      table.setSignals(result.replicaId, result.signals, clock.monotonic());
    },
    round: () => picker.refresh(),
    clock,
    log,
  });
  return {
    picker,
    index,
    clusterInFlight: () => table.view(clock.monotonic()).replicas.reduce((sum, { inFlight }) => sum + inFlight, 0),
    async [Symbol.asyncDispose]() {
      await scraper[Symbol.asyncDispose]();
      await watch[Symbol.asyncDispose]();
    },
  };
}

/** Takes the others' messages; of an older router that is heard for the first time all that it knows is asked. */
function listener(parts: {
  table: ReplicaTable;
  exchange: PrefixExchange;
  copy: EdgeCopy;
  epoch: number;
  clock: Clock;
}): (message: LedgerMessage) => void {
  const { table, exchange, copy, epoch, clock } = parts;
  const heard = new Set<string>();
  return (message) => {
    const now = clock.monotonic();
    if (message.kind !== 'row') return exchange.handle(message, now);
    table.receive(message.row, now);
    const peer = `${message.from}:${message.row.epoch}`;
    if (heard.has(peer)) return;
    heard.add(peer);
    if (message.row.epoch >= epoch) return;
    for (const { replicas } of copy.pools.documents())
      for (const { replicaId } of replicas) exchange.ask(message.from, replicaId, now);
  };
}

function capacityBytes(copy: EdgeCopy, weights: TokenWeights, replica: string): number {
  const pool = copy.pools.documents().find(({ replicas }) => replicas.some(({ replicaId }) => replicaId === replica));
  return pool === undefined ? 0 : Math.round(pool.engine.kvTokens * weights.bytesPerToken(pool.pool));
}

/** Forgets what was known of replicas that are gone or have moved. */
class KnownReplicas {
  readonly #options: RoutingOptions;
  readonly #parts: { health: ReplicaHealth; index: PrefixIndex };
  #replicas = new Map<string, PoolReplica>();

  constructor(options: RoutingOptions, parts: { health: ReplicaHealth; index: PrefixIndex }) {
    this.#options = options;
    this.#parts = parts;
  }

  update(): void {
    const { copy, upstream } = this.#options;
    const now = new Map(
      copy.pools.documents().flatMap((pool) => pool.replicas.map((one) => [one.replicaId, one] as const)),
    );
    for (const [id, before] of this.#replicas) {
      const after = now.get(id);
      if (after !== undefined && after.address === before.address && after.port === before.port) continue;
      this.#parts.health.forget(id);
      this.#parts.index.dropReplica(id);
      upstream.forget(before);
    }
    this.#replicas = now;
  }
}
