import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { LedgerMessage } from '../ledger/ledger-message.ts';
import type { AnswerNote, AnswerStore } from '../ledger/answer-store.ts';
import { AnswerSync } from '../ledger/answer-sync.ts';
import { PrefixSync } from '../ledger/prefix-sync.ts';
import { BytesPerToken } from '../replicas/bytes-per-token.ts';
import type { CacheNews } from '../replicas/cache-news.ts';
import { CacheReports } from '../replicas/cache-reports.ts';
import { KeptAnswers, type KeptAnswer, type KeptAnswersLimits } from '../replicas/kept-answers.ts';
import { KnownPools } from '../replicas/known-pools.ts';
import { PrefillPace } from '../replicas/pace/prefill-pace.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { ReplicaSpeeds } from '../replicas/pace/replica-speeds.ts';
import { ReplicaHealth, type ScrapeResult } from '../replicas/replica-health.ts';
import { ReplicaTable, type LedgerRow } from '../replicas/replica-table.ts';
import type { ReplicaSignals, ReplicaState } from '../replicas/replica-view.ts';
import type { BrainFigures } from './brain-figures.ts';
import type { Picker, Slot, Work } from './picker.ts';
import { PoolWait, type WaitLimits } from './pool-wait.ts';
import { ReplicaPicker } from './replica-picker.ts';
import type { Tried } from './tried.ts';
import { Grants } from './wait/grants.ts';
import { LateBinding } from './wait/late-binding.ts';

/** What a router's brain is made of. */
export interface BrainOptions {
  readonly router: string;
  /** Start of this router's process: of two rows the one of the later start is newer. */
  readonly epoch: number;
  readonly channel: LedgerChannel;
  readonly limits: WaitLimits;
  /** No first content is late before this, milliseconds (default 3000). */
  readonly lateAfterMs?: number;
  /** How long requests stay on a stalled replica while nobody else can take them, milliseconds (default 30,000). */
  readonly stallPatienceMs?: number;
  /** Requests that would put others back are held (default: each goes as soon as it has a turn). */
  readonly lateBinding?: boolean;
  readonly answerLimits: KeptAnswersLimits;
  /** Where ids of kept answers outlive this process (default: nowhere). */
  readonly answerStore?: AnswerStore;
  readonly clock: Clock;
  /** Predicted and reported cache hits of one answer, tokens. */
  readonly hitsKnown?: (predicted: number, reported: number) => void;
}

/** What a look at one replica found, and when it began. */
export interface Scraped {
  readonly replica: PoolReplica;
  readonly startedAt: number;
  readonly health: ScrapeResult;
  readonly signals: ReplicaSignals;
  /** What its events say of its cache. */
  readonly cache?: CacheNews;
  /** The pool's key was refused to it. */
  readonly denied?: boolean;
}

/** `tick` is called this often, milliseconds. */
export const tickMs = 250;
/** A tick that is later than this shows that our own event loop stood still. */
const lateMs = 400;

/**
 * Everything that decides where a request goes, and nothing else: no sockets, no timers but the clock's. Pools, looks at
 * replicas, messages of other routers and the time come in; slots come out. The proxy, a simulation and virtual time run
 * the same one.
 */
export class Brain implements Picker, Disposable {
  readonly table: ReplicaTable;
  readonly #channel: LedgerChannel;
  readonly #clock: Clock;
  readonly #pools = new KnownPools();
  readonly #health = new ReplicaHealth();
  readonly #caches: CacheReports;
  readonly #bytesPerToken = new BytesPerToken();
  readonly #pace = new PrefillPace();
  readonly #index: PrefixIndex;
  readonly #sync: PrefixSync;
  readonly #answers: KeptAnswers;
  readonly #answerSync: AnswerSync;
  readonly #answerStore: AnswerStore | undefined;
  readonly #picker: ReplicaPicker;
  readonly #grants: Grants;
  readonly #wait: PoolWait;
  readonly #unsubscribe: () => void;
  #notedAt: number;

  constructor(options: BrainOptions) {
    const { router, epoch, channel, limits, answerLimits, clock, hitsKnown = () => {} } = options;
    const { lateAfterMs = 3000, stallPatienceMs = 30_000, lateBinding = false } = options;
    this.#channel = channel;
    this.#clock = clock;
    this.#notedAt = clock.monotonic();
    this.#index = new PrefixIndex(() => clock.monotonic());
    this.table = new ReplicaTable({ router, epoch });
    this.#caches = new CacheReports({
      pools: this.#pools,
      index: this.#index,
      bytesPerToken: this.#bytesPerToken,
      table: this.table,
    });
    const publish = (message: LedgerMessage): void => channel.publish(message);
    const peers = (): ReturnType<ReplicaTable['peers']> => this.table.peers();
    this.#sync = new PrefixSync({ router, epoch, index: this.#index, publish, peers });
    this.#answers = new KeptAnswers(answerLimits);
    this.#answerStore = options.answerStore;
    this.#answerSync = new AnswerSync({ router, answers: this.#answers, publish, store: options.answerStore, clock });
    const row = (): LedgerRow => this.table.row(clock.monotonic());
    const rowChanged = (): void => channel.rowChanged(row);
    this.#picker = new ReplicaPicker({
      pools: this.#pools,
      table: this.table,
      index: this.#index,
      health: this.#health,
      bytesPerToken: this.#bytesPerToken,
      pace: this.#pace,
      speeds: new ReplicaSpeeds(),
      lateAfterMs,
      stallPatienceMs,
      clock,
      hitsKnown,
      rowChanged,
      announce: (news) => this.#sync.announce(news),
      kept: (key, answer) => this.#answerSync.keep(key, answer),
      released: (pool) => this.#wait.released(pool),
      computed: () => this.#wait.looked(),
      changed: () => this.#wait.changed(),
    });
    this.#grants = new Grants({ router, epoch, publish, channelUp: () => channel.up(), peers });
    const late = lateBinding ? this.#lateBinding() : undefined;
    this.#wait = new PoolWait(this.#picker, limits, { clock, late });
    this.#unsubscribe = channel.subscribe((message) => this.#hear(message));
    rowChanged();
  }

  acquire(work: Work, signal: AbortSignal, tried?: Tried): Promise<Slot> {
    return this.#wait.acquire(work, signal, tried);
  }

  keptAt(key: string, owner: string): Promise<KeptAnswer | undefined> {
    return this.#answerSync.find(key, owner);
  }

  /** Ids of answers that this router's engines keep, for a store that may have forgotten them. */
  ownAnswers(): Iterable<AnswerNote> {
    return this.#answerSync.own();
  }

  isServing(pool: string): boolean {
    const known = this.#pools.get(pool);
    if (known === undefined) return false;
    const view = this.#picker.view(known, this.#clock.monotonic());
    return view.some(({ condition, doubt }) => condition === 'ready' && doubt < Infinity);
  }

  /** Takes all pools anew; returns the replicas that are gone, have moved or have restarted. */
  setPools(documents: readonly PoolDocument[]): PoolReplica[] {
    const { gone, added } = this.#pools.set(documents);
    for (const { replicaId } of gone) {
      this.#health.forget(replicaId);
      this.#caches.forget(replicaId);
      this.table.forget(replicaId);
      this.#index.clear(replicaId);
    }
    const pools = new Set(documents.map(({ pool }) => pool));
    this.#bytesPerToken.keep(pools);
    this.#pace.keep(pools);
    const capacities = new Map(
      documents.flatMap((pool) =>
        pool.replicas.map(({ replicaId }) => [replicaId, this.#bytesPerToken.capacityOf(pool, replicaId)] as const),
      ),
    );
    this.#index.setReplicas(capacities);
    this.#health.keep(capacities);
    this.#picker.keep(capacities);
    this.#sync.setReplicas(added, this.#clock.monotonic());
    this.#wait.changed();
    return gone;
  }

  /** When the oldest attempt on a replica began, monotonic milliseconds; undefined without one. */
  oldestOn(replica: string): number | undefined {
    return this.#picker.bookings.oldestOn(replica);
  }

  /** Prompt blocks that a replica is taken to have cached, by all routers' news. */
  blocksOn(replica: string): number {
    return this.#index.blocksOf(replica);
  }

  /** Whether a look should find out if a replica refuses its pool's key. */
  isSuspect(replica: string): boolean {
    return this.#health.isSuspect(replica);
  }

  /** Whether this router has met a failure of a replica, and only its own looks count. */
  doubts(replica: string): boolean {
    return this.#health.isSuspect(replica) || this.#health.doubt(replica, this.#clock.monotonic()) > 0;
  }

  scraped({ replica, startedAt, health, signals, cache = {}, denied = false }: Scraped): void {
    const { replicaId } = replica;
    if (!this.#pools.has(replica)) return;
    const now = this.#clock.monotonic();
    this.#health.scraped(replicaId, health, { startedAt, now });
    if (denied) this.#health.denied(replicaId, now);
    this.table.setSignals(replicaId, signals, now);
    this.#caches.scraped(replicaId, signals, now);
    this.#caches.heard(replicaId, cache, now);
    const { running, waiting = 0 } = signals;
    if (running !== undefined) this.#picker.bookings.counted(replicaId, running + waiting, startedAt);
  }

  /** Called every `tickMs`: what silence and the passing of time mean. */
  tick(): void {
    const now = this.#noteTime();
    const up = this.#channel.up();
    this.table.setChannelUp(up, now);
    this.#sync.tick(now, up);
    this.#picker.bookings.tick(now);
    const served = this.table.flows.toTell(now);
    if (served !== undefined) this.#channel.publish({ kind: 'flows', from: served.router, served });
    this.#wait.changed();
  }

  /**
   * True when this process's own event loop stood still at some time since this monotonic instant: what timed out then is
   * nobody else's failure. Also right before the next tick: after a standstill another timer may fire first.
   */
  stoodStillSince(at: number): boolean {
    this.#noteTime();
    return this.#health.ownStallAt >= at;
  }

  /** What is known of each replica, one line each, for people with redis-cli; nobody decides by it. */
  describe(): Record<string, string> {
    const now = this.#clock.monotonic();
    const states = this.#pools.all().flatMap((pool) => this.#picker.view(pool, now));
    return Object.fromEntries(states.map((state) => [`state:${state.id}`, JSON.stringify(shown(state))]));
  }

  figures(): BrainFigures {
    const now = this.#clock.monotonic();
    const states = this.#pools.all().flatMap((pool) => this.#picker.view(pool, now));
    return {
      inFlight: this.#wait.inFlight,
      waiting: this.#wait.waiting,
      heldForSlot: this.#wait.heldForSlot,
      shed: this.#wait.shed,
      grants: this.#grants.counts,
      clusterInFlight: states.reduce((sum, { inFlight }) => sum + inFlight, 0),
      replicasInDoubt: states.filter(({ condition, doubt }) => condition === 'ready' && doubt > 0).length,
      prefixBlocks: this.#index.size().blocks,
      flowsForgotten: this.table.flows.forgotten,
      prefixSync: this.#sync.counts,
      keptAnswers: this.#answers.size,
      keptAnswersForgotten: this.#answers.forgotten,
      keptAnswersNotAsked: this.#answerSync.refused,
      keptAnswersUnwritten: this.#answerStore?.unwritten ?? 0,
    };
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  #lateBinding(): LateBinding {
    return new LateBinding({
      loads: (pool, now) => this.#picker.loads(pool, now),
      workOf: (flow, now) => this.table.flows.workOf(flow, now),
      grants: this.#grants,
      clock: this.#clock,
    });
  }

  #noteTime(): number {
    const now = this.#clock.monotonic();
    if (now - this.#notedAt >= tickMs + lateMs) this.#health.ownStall(now);
    this.#notedAt = now;
    return now;
  }

  #hear(message: LedgerMessage): void {
    const now = this.#clock.monotonic();
    if (message.kind === 'row') this.table.receive(message.row, now, message.ageMs);
    if (message.kind === 'flows') this.table.flows.receive(message.served, now);
    this.#sync.hear(message, now);
    this.#answerSync.hear(message);
    this.#grants.hear(message, now);
    if (message.kind === 'row' || message.kind === 'want' || message.kind === 'grant') this.#wait.looked();
  }
}

function shown({ condition, doubt, inFlight, unseen, signals: { running, waiting, kvUse } }: ReplicaState): object {
  const doubted = doubt === Infinity ? 'down' : 'doubtful';
  const standing = condition === 'ready' && doubt > 0 ? doubted : condition;
  return { condition: standing, inFlight, running, waiting, kvUse, ...(unseen > 0 && { unseen }) };
}
