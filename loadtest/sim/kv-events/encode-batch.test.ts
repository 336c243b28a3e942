import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { tokenize, type TokenizedPrompt } from '../model/tokens.ts';
import { encodeBatch } from './encode-batch.ts';
import type { KvEventsForm } from './kv-events-config.ts';

/** As decoded from vLLM 0.32, lists cut to their first item. */
const recorded = {
  type: 'BlockStored',
  block_hashes: [16_774_799_225_348_112_336n],
  parent_block_hash: null,
  token_ids: [1],
  block_size: 32,
  lora_id: null,
  medium: 'GPU',
  lora_name: null,
  extra_keys: [null],
  group_idx: 0,
  kv_cache_spec_kind: 'full_attention',
};

const text = 'one two three four five six seven eight nine ten eleven twelve';
const prompt = (salt = ''): TokenizedPrompt => tokenize([{ text }], 4, { salt, keepsIds: true });

type Fields = Readonly<Record<string, unknown>>;

function events(form: KvEventsForm, changes: Parameters<typeof encodeBatch>[0]): Fields[] {
  return (batch(form, changes) as [number, Fields[]])[1];
}

function hashes(event: Fields | undefined): bigint[] {
  return event?.['block_hashes'] as bigint[];
}

function batch(form: KvEventsForm, events: Parameters<typeof encodeBatch>[0], chain = prompt().chain): unknown {
  const context = { form, blockTokens: 4, chainOf: () => chain };
  return decode(encodeBatch(events, 1_795_362_944.087_517, context), { useBigInt64: true });
}

describe('a batch', () => {
  const { chain } = prompt();
  const { blocks } = chain;

  it('has members, kinds and order of what was recorded', () => {
    const decoded = batch('map', [{ type: 'stored', blocks, from: 0, to: 3 }]);
    expect(decoded).toMatchObject([1_795_362_944.087_517, [{ block_size: 4, parent_block_hash: null }], 0]);
    const [event] = (decoded as [number, Fields[]])[1];
    expect(Object.keys(event ?? {})).toEqual(Object.keys(recorded));
    expect(event?.['token_ids']).toEqual(chain.ids.slice(0, 12));
    expect(hashes(event).map((hash) => typeof hash)).toEqual(['bigint', 'bigint', 'bigint']);
  });

  it('names the block before, and the tokens of the new ones alone', () => {
    const [whole] = events('map', [{ type: 'stored', blocks, from: 0, to: 2 }]);
    const [next] = events('map', [{ type: 'stored', blocks, from: 1, to: 2 }]);
    const [first, second] = hashes(whole);
    expect(next).toMatchObject({ parent_block_hash: first, block_hashes: [second], token_ids: chain.ids.slice(4, 8) });
  });

  it('shows the salt at the first block, and nowhere else', () => {
    const salted = prompt('tenant-a').chain;
    const keys = (from: number): unknown =>
      batch('map', [{ type: 'stored', blocks: salted.blocks, from, to: 2 }], salted);
    expect(keys(0)).toMatchObject([expect.any(Number), [{ extra_keys: [['tenant-a'], null] }], 0]);
    expect(keys(1)).toMatchObject([expect.any(Number), [{ extra_keys: [null] }], 0]);
  });

  it('takes blocks away one by one, the last first', () => {
    const gone = events('map', [{ type: 'removed', blocks, from: 1, to: 3 }, { type: 'cleared' }]);
    const [, second, third] = hashes(events('map', [{ type: 'stored', blocks, from: 0, to: 3 }])[0]);
    const removed = { type: 'BlockRemoved', medium: 'GPU', group_idx: 0 };
    expect(gone).toEqual([
      { ...removed, block_hashes: [third] },
      { ...removed, block_hashes: [second] },
      { type: 'AllBlocksCleared' },
    ]);
  });

  it('is written as arrays for older readers', () => {
    const decoded = events('array', [
      { type: 'stored', blocks, from: 0, to: 1 },
      { type: 'removed', blocks, from: 0, to: 1 },
      { type: 'cleared' },
    ]);
    const some = [expect.any(BigInt)];
    const stored = ['BlockStored', some, null, chain.ids.slice(0, 4), 4, null, 'GPU'];
    expect(decoded).toEqual([stored, ['BlockRemoved', some, 'GPU'], ['AllBlocksCleared']]);
  });
});
