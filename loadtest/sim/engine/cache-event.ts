/**
 * `blocks[from]` to `blocks[to − 1]` of a chain of hashes are cached now, or are gone. The same blocks can be stored twice:
 * when two requests compute them at once, and when a prompt's last block is computed again.
 */
export interface BlockChange {
  readonly type: 'stored' | 'removed';
  readonly blocks: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** What happened to cached blocks. */
export type CacheEvent = BlockChange | { readonly type: 'cleared' };
