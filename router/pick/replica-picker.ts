import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { PoolDirectory } from '../edge/pool-directory.ts';
import { pick, type PickReason } from './pick.ts';
import type { PrefixIndex, PrefixMatch, PrefixNews } from '../replicas/prefix-index.ts';
import type { ReplicaTable } from '../replicas/replica-table.ts';
import type { ReplicaCondition, ReplicaLoad } from '../replicas/replica-view.ts';
import type { ReplicaHealth } from '../replicas/replica-health.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import type { Picker, Slot, Work } from './picker.ts';
import { PoolWait, type WaitLimits } from './pool-wait.ts';
import { BookedSlot } from './slot.ts';
import { Tried } from './tried.ts';
import type { TokenWeights } from './bytes-per-token.ts';

/** The state that the picker decides from and writes to; all of it is in memory. */
export interface PickerParts {
  readonly pools: PoolDirectory;
  readonly table: ReplicaTable;
  readonly index: PrefixIndex;
  readonly health: ReplicaHealth;
  readonly weights: TokenWeights;
  readonly limits: WaitLimits;
  readonly clock: Clock;
  /** This router's row has changed: the others should know soon. */
  readonly rowChanged: () => void;
  readonly announce: (news: PrefixNews) => void;
  /** Predicted and reported cache hits of one answer, tokens. */
  readonly hitsKnown: (predicted: number, reported: number) => void;
}

interface Choice {
  readonly replica: PoolReplica;
  readonly reason: PickReason | 'probe';
  readonly match: PrefixMatch;
}

interface Request {
  readonly work: Work;
  readonly tried: Tried;
}

const noMatch: PrefixMatch = { block: -1, outputTokens: 0 };
/** A prediction that falls short by less than this says nothing: engines cache whole blocks only. */
const missTokens = 1024;

/** Picks by `pick` over the replica table: no await between looking and booking, so that no two requests race. */
export class ReplicaPicker implements Picker {
  readonly #parts: PickerParts;
  readonly #wait: PoolWait;

  constructor(parts: PickerParts) {
    this.#parts = parts;
    this.#wait = new PoolWait((work, tried, excluded) => this.#place(work, tried, excluded), parts.limits, parts.clock);
  }

  get inFlight(): number {
    return this.#wait.inFlight;
  }

  get waiting(): number {
    return this.#wait.waiting;
  }

  acquire(work: Work, signal: AbortSignal, tried = new Tried()): Promise<Slot> {
    return this.#wait.acquire(work, signal, tried);
  }

  isServing(pool: string): boolean {
    const { pools, health, clock } = this.#parts;
    const now = clock.monotonic();
    return (pools.pool(pool)?.replicas ?? []).some(
      ({ replicaId, state }) => state === 'ready' && !health.isDown(replicaId, now),
    );
  }

  /** Reads pools and health again; called whenever one of them may have changed. */
  refresh(): void {
    const { pools, table, health, clock } = this.#parts;
    const now = clock.monotonic();
    const conditions = new Map<string, ReplicaCondition>();
    for (const { replicas } of pools.documents())
      for (const { replicaId, state } of replicas)
        conditions.set(replicaId, state === 'ready' && health.isDown(replicaId, now) ? 'down' : state);
    table.setReplicas(conditions);
    this.#wait.changed();
  }

  #place(work: Work, tried: Tried, excluded: ReadonlySet<string>): Slot | 'gone' | undefined {
    const pool = this.#parts.pools.pool(work.pool);
    if (pool === undefined || pool.deleting === true) return 'gone';
    const choice = work.only === undefined ? this.#pick(pool, work, excluded) : probed(pool, work.only, excluded);
    return choice && this.#book(pool, { work, tried }, choice);
  }

  #pick(pool: PoolDocument, work: Work, exclude: ReadonlySet<string>): Choice | undefined {
    const { table, index, clock } = this.#parts;
    const now = clock.monotonic();
    const byId = new Map(pool.replicas.map((replica) => [replica.replicaId, replica]));
    const matches = index.match([...byId.keys()], work.prompt.keys);
    const view = table.view(now);
    const ofPool = { ...view, replicas: view.replicas.filter(({ id }) => byId.has(id)) };
    const session = work.session === undefined ? {} : { session: work.session };
    const picked = pick({ prompt: work.prompt, matches, exclude, ...session }, ofPool, now);
    if ('none' in picked) return undefined;
    const replica = byId.get(picked.replica);
    return replica && { replica, reason: picked.reason, match: matches.get(picked.replica) ?? noMatch };
  }

  #book(pool: PoolDocument, { work, tried }: Request, { replica, reason, match }: Choice): Slot {
    const { table, index, weights, announce, rowChanged } = this.#parts;
    const { replicaId } = replica;
    const bytesPerToken = weights.bytesPerToken(pool.pool);
    const promptBytes = work.prompt.bytesUpTo.at(-1) ?? 0;
    const matchedBytes = work.prompt.bytesUpTo[match.block] ?? 0;
    const load: ReplicaLoad = {
      inFlight: 1,
      prefillSecondsLeft: 0,
      privateContextTokens: Math.round((promptBytes - matchedBytes) / bytesPerToken),
      reservedOutputTokens: work.maxTokens,
    };
    table.change(replicaId, load);
    rowChanged();
    const predictedCachedTokens = Math.round(matchedBytes / bytesPerToken) + match.outputTokens;
    return new BookedSlot(
      { replica, reason, predictedCachedTokens },
      {
        accepted: () => {
          if (work.only === undefined && work.prompt.keys.length > 0) announce(index.insert(replicaId, work.prompt));
        },
        ended: (end) => {
          tried.note(replicaId, end);
          this.#learn(pool, { work, replicaId, predictedCachedTokens }, end);
        },
        release: () => {
          table.change(replicaId, negated(load));
          rowChanged();
          this.#wait.released(pool.pool);
        },
      },
    );
  }

  #learn(
    pool: PoolDocument,
    booked: { work: Work; replicaId: string; predictedCachedTokens: number },
    end: SlotEnd,
  ): void {
    const { health, index, clock } = this.#parts;
    const { replicaId } = booked;
    if (end.kind === 'left' || end.kind === 'refused') return;
    if (end.kind !== 'answered') {
      const failure = end.kind === 'failed' ? end.failure : 'fault';
      health.failed(replicaId, failure, clock.monotonic());
      // A process that is gone has taken its cache with it.
      if (failure === 'connect' || failure === 'unauthorized') index.dropReplica(replicaId);
      return this.refresh();
    }
    const wasDown = health.isDown(replicaId, clock.monotonic());
    health.succeeded(replicaId);
    if (wasDown) this.refresh();
    if (end.usage !== undefined && booked.work.only === undefined) this.#learnUsage(pool, booked, end.usage);
  }

  #learnUsage(
    pool: PoolDocument,
    { work, replicaId, predictedCachedTokens }: { work: Work; replicaId: string; predictedCachedTokens: number },
    usage: { promptTokens: number; completionTokens: number; cachedTokens: number | undefined },
  ): void {
    const { weights, index, announce, hitsKnown } = this.#parts;
    weights.learn(pool.pool, work.prompt.bytesUpTo.at(-1) ?? 0, usage.promptTokens);
    const tip = work.prompt.keys.at(-1);
    const bytes = Math.round(usage.completionTokens * weights.bytesPerToken(pool.pool));
    if (tip !== undefined && usage.completionTokens > 0)
      announce(index.finish(replicaId, tip, { tokens: usage.completionTokens, bytes }));
    if (usage.cachedTokens === undefined) return;
    hitsKnown(predictedCachedTokens, usage.cachedTokens);
    // The engine has evicted what the mirror still holds: the mirror's oldest tenth goes.
    const missing = predictedCachedTokens - usage.cachedTokens;
    if (missing > missTokens && usage.cachedTokens < predictedCachedTokens / 2)
      index.evict(replicaId, Math.round(0.9 * pool.engine.kvTokens * weights.bytesPerToken(pool.pool)));
  }
}

/** A probe goes to the replica that it names, in any state but draining. */
function probed(pool: PoolDocument, replicaId: string, excluded: ReadonlySet<string>): Choice | undefined {
  const replica = pool.replicas.find((one) => one.replicaId === replicaId && one.state !== 'draining');
  return replica && !excluded.has(replicaId) ? { replica, reason: 'probe', match: noMatch } : undefined;
}

function negated(load: ReplicaLoad): ReplicaLoad {
  return {
    inFlight: -load.inFlight,
    prefillSecondsLeft: -load.prefillSecondsLeft,
    privateContextTokens: -load.privateContextTokens,
    reservedOutputTokens: -load.reservedOutputTokens,
  };
}
