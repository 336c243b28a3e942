import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { readEvents } from './event-batch.ts';

const read = (batch: unknown): ReturnType<typeof readEvents> => readEvents(encode(batch, { useBigInt64: true }));

/** As recorded from vLLM 0.32.0, but for the tokens' number. */
const stored = {
  type: 'BlockStored',
  block_hashes: [14_138_633_323_536_816_207n, 7],
  parent_block_hash: null,
  token_ids: [1, 2612, 201],
  block_size: 128,
  lora_id: null,
  medium: 'GPU',
  lora_name: null,
  extra_keys: [['tenant-a'], null],
  group_idx: 0,
  kv_cache_spec_kind: 'full_attention',
};
const removed = { type: 'BlockRemoved', block_hashes: [7], medium: 'GPU', group_idx: 0 };
const key = Number(14_138_633_323_536_816_207n & 0x3fffffffn);

describe('events of a KV cache', () => {
  it('are read as maps, and nothing of their tokens stays', () => {
    const events = read([1.5, [stored, removed, { type: 'AllBlocksCleared' }], 0]);
    expect(events).toEqual([
      { kind: 'stored', blocks: [key, 7], blockTokens: 128, group: 0 },
      { kind: 'removed', blocks: [7], group: 0 },
      { kind: 'cleared' },
    ]);
    expect(JSON.stringify(events)).not.toContain('2612');
  });

  it('are read as arrays, short ones and ones that are longer than known', () => {
    const { type, ...fields } = stored;
    const events = [
      [type, ...Object.values(fields), null, 'more'],
      [type, [7], null, [1], 16],
      ['BlockRemoved', [7]],
      ['AllBlocksCleared'],
    ];
    expect(read([1.5, events])).toEqual([
      { kind: 'stored', blocks: [key, 7], blockTokens: 128, group: 0 },
      { kind: 'stored', blocks: [7], blockTokens: 16, group: 0 },
      { kind: 'removed', blocks: [7], group: 0 },
      { kind: 'cleared' },
    ]);
  });

  it('are read out of a batch that is a map, with hashes that are bytes', () => {
    const hash = Uint8Array.from({ length: 32 }, (_, index) => index);
    expect(read({ ts: 1, events: [{ ...removed, block_hashes: [hash] }], data_parallel_rank: 3 })).toEqual([
      { kind: 'removed', blocks: [0x1c1d1e1f], group: 0 },
    ]);
  });

  it('of another tier, of a window, and of no known kind do not count', () => {
    const events = [
      { ...stored, medium: 'CPU' },
      { ...removed, medium: 'CPU' },
      { ...stored, kv_cache_spec_kind: 'sliding_window' },
      { type: 'Later', block_hashes: [1] },
      { ...stored, block_size: Infinity },
      { ...stored, block_size: 0 },
      7,
      null,
    ];
    expect(read([1, events])).toEqual([]);
  });

  it.each([[7], [{ events: 1 }], [[1]], [[1, 'x']], ['text']])('are not found in %j, which is an error', (batch) => {
    expect(() => read(batch)).toThrow();
  });
});
