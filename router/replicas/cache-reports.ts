import type { BytesPerToken } from './bytes-per-token.ts';
import { CacheResets, type CacheNews } from './cache-news.ts';
import type { KnownPools } from './known-pools.ts';
import type { PrefixIndex } from './prefix-index.ts';
import type { ReplicaTable } from './replica-table.ts';
import type { ReplicaSignals } from './replica-view.ts';

/** What an engine's reports are held against. */
interface CacheReportsParts {
  readonly pools: KnownPools;
  readonly index: PrefixIndex;
  readonly bytesPerToken: BytesPerToken;
  readonly table: ReplicaTable;
}

/** A figure is up to some seconds old: so much of a cache may have been filled since. */
const heldSlack = 0.1;

/**
 * What engines say of their own caches as a whole, and what that corrects in the index: its size, that it is empty, and
 * that it holds less than the mirror does. Times are monotonic milliseconds.
 */
export class CacheReports {
  readonly #parts: CacheReportsParts;
  readonly #resets = new CacheResets();

  constructor(parts: CacheReportsParts) {
    this.#parts = parts;
  }

  /** A replica is gone, or another process. */
  forget(replica: string): void {
    this.#resets.forget(replica);
    this.#parts.bytesPerToken.forgetReplica(replica);
  }

  /** A look found these figures. */
  scraped(replica: string, { processStart, kvTokens }: ReplicaSignals, now: number): void {
    const { pools, index, bytesPerToken } = this.#parts;
    if (processStart !== undefined && this.#resets.started(replica, processStart, now)) index.clear(replica);
    const pool = pools.poolOf(replica);
    if (pool === undefined || kvTokens === undefined || kvTokens <= 0) return;
    if (bytesPerToken.tellCapacity(replica, kvTokens)) index.resize(replica, bytesPerToken.capacityOf(pool, replica));
  }

  /** Its events say so. What is being computed is in the mirror already, and not yet in the engine's cache. */
  heard(replica: string, { clearedAgeMs = Infinity, heldTokens }: CacheNews, now: number): void {
    const { pools, index, bytesPerToken, table } = this.#parts;
    if (this.#resets.cleared(replica, now - clearedAgeMs, now)) index.clear(replica);
    const pool = pools.poolOf(replica);
    if (pool === undefined || heldTokens === undefined) return;
    const slack = heldSlack * bytesPerToken.capacityOf(pool, replica);
    const tokens = heldTokens + table.load(replica, now).privateContextTokens;
    index.shrink(replica, tokens * bytesPerToken.of(pool.pool) + slack);
  }
}
