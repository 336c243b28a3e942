import { encode } from '@msgpack/msgpack';
import type { BlockChange, CacheEvent } from '../engine/cache-event.ts';
import type { TokenChain } from '../model/tokens.ts';
import type { KvEventsForm } from './kv-events-config.ts';

/** What a batch is written with. */
export interface BatchContext {
  readonly form: KvEventsForm;
  readonly blockTokens: number;
  /** The tokens of a chain, by its list of blocks. */
  readonly chainOf: (blocks: readonly number[]) => TokenChain | undefined;
}

/**
 * The payload of one message, as recorded from vLLM 0.32: msgpack `[seconds, events, rank]`. Blocks that go are told one by
 * one. The array form is that of vLLM 0.11: a tag, then fields by position.
 */
export function encodeBatch(events: readonly CacheEvent[], seconds: number, context: BatchContext): Uint8Array {
  const shape = context.form === 'map' ? asMap : asArray;
  return encode([seconds, events.flatMap((event) => eventsOf(event, context)).map(shape), 0], { useBigInt64: true });
}

type Fields = Readonly<Record<string, unknown>>;

function eventsOf(event: CacheEvent, context: BatchContext): Fields[] {
  if (event.type === 'cleared') return [{ type: 'AllBlocksCleared' }];
  const { blocks, from, to } = event;
  if (event.type === 'stored') return [stored(event, context)];
  return blocks
    .slice(from, to)
    .toReversed()
    .map((hash) => ({ type: 'BlockRemoved', block_hashes: [wireHash(hash)], medium: 'GPU', group_idx: 0 }));
}

function stored({ blocks, from, to }: BlockChange, { blockTokens, chainOf }: BatchContext): Fields {
  const parent = blocks[from - 1];
  const chain = chainOf(blocks);
  const added = blocks.slice(from, to);
  const firstKeys = from === 0 && chain !== undefined && chain.salt !== '' ? [chain.salt] : null;
  return {
    type: 'BlockStored',
    block_hashes: added.map(wireHash),
    parent_block_hash: parent === undefined ? null : wireHash(parent),
    token_ids: chain?.ids.slice(from * blockTokens, to * blockTokens) ?? [],
    block_size: blockTokens,
    lora_id: null,
    medium: 'GPU',
    lora_name: null,
    extra_keys: added.map((_, index) => (index === 0 ? firstKeys : null)),
    group_idx: 0,
    kv_cache_spec_kind: 'full_attention',
  };
}

const arrayFields = ['type', 'block_hashes', 'parent_block_hash', 'token_ids', 'block_size', 'lora_id', 'medium'];

function asMap(fields: Fields): unknown {
  return fields;
}

function asArray(fields: Fields): unknown {
  return arrayFields.filter((name) => name in fields).map((name) => fields[name]);
}

/** A hash of all 64 bits, as vLLM's are: a multiplication by an odd number keeps different ones different. */
function wireHash(hash: number): bigint {
  return BigInt.asUintN(64, BigInt(hash) * 0x9e3779b97f4a7c15n);
}
