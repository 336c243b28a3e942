import { decode } from '@msgpack/msgpack';
import { isRecord } from '#shared/runtime/is-record.ts';

/** What happened to blocks of an engine's KV cache; of a block's hash 30 bits are kept, of its tokens nothing. */
export type CacheEvent =
  | {
      readonly kind: 'stored';
      readonly blocks: readonly number[];
      readonly blockTokens: number;
      readonly group: number;
    }
  | { readonly kind: 'removed'; readonly blocks: readonly number[]; readonly group: number }
  | { readonly kind: 'cleared' };

/**
 * Fields of an event that is an array, after its tag; later ones are ignored, and trailing ones may be left out. Source:
 * vllm-project/vllm, vllm/distributed/kv_events.py (changes 16750, 27577, 33304, 37688); SGLang has the same form.
 */
const positions: Readonly<Record<string, readonly string[]>> = {
  BlockStored: [
    'block_hashes',
    'parent_block_hash',
    'token_ids',
    'block_size',
    'lora_id',
    'medium',
    'lora_name',
    'extra_keys',
    'group_idx',
    'kv_cache_spec_kind',
  ],
  BlockRemoved: ['block_hashes', 'medium', 'group_idx'],
  AllBlocksCleared: [],
};
/** Two of a million blocks meet by chance: what is counted here steers, and nobody sees it. */
const keyBits = 30;
const keyMask = 2 ** keyBits - 1;

/**
 * Events of one message, batch and events as arrays or as maps; those of other tiers than the GPU's, of groups that keep
 * only a window, and of kinds that are unknown are left out. Throws where it is no batch at all.
 */
export function readEvents(payload: Uint8Array): CacheEvent[] {
  const batch = decode(payload, { useBigInt64: true });
  const events: unknown = isRecord(batch) ? batch['events'] : Array.isArray(batch) && batch[1];
  if (!Array.isArray(events)) throw new TypeError('a KV event message without events');
  return events.map((event) => readEvent(fieldsOf(event))).filter((event) => event !== undefined);
}

function fieldsOf(event: unknown): Record<string, unknown> {
  if (isRecord(event)) return event;
  if (!Array.isArray(event)) return {};
  const [type, ...values] = event as unknown[];
  const names = positions[String(type)] ?? [];
  return { type, ...Object.fromEntries(names.map((name, index) => [name, values[index]])) };
}

function readEvent(fields: Record<string, unknown>): CacheEvent | undefined {
  const { type, medium, block_hashes: hashes, block_size: blockTokens, group_idx: group } = fields;
  if (type === 'AllBlocksCleared') return { kind: 'cleared' };
  if (!Array.isArray(hashes) || (medium ?? 'GPU') !== 'GPU') return undefined;
  if (/sliding|chunked|mamba/.test(String(fields['kv_cache_spec_kind']))) return undefined;
  const common = { blocks: hashes.map(keyOf), group: typeof group === 'number' ? group : 0 };
  if (type === 'BlockRemoved') return { kind: 'removed', ...common };
  return type === 'BlockStored' && Number.isSafeInteger(blockTokens) && Number(blockTokens) > 0
    ? { kind: 'stored', blockTokens: Number(blockTokens), ...common }
    : undefined;
}

/** Hashes are whole numbers of up to 64 bits, or 32 bytes. */
function keyOf(hash: unknown): number {
  if (typeof hash === 'bigint') return Number(BigInt.asUintN(keyBits, hash));
  if (typeof hash === 'number') return Math.abs(hash) % (keyMask + 1);
  if (hash instanceof Uint8Array && hash.length >= 4)
    return new DataView(hash.buffer, hash.byteOffset + hash.length - 4, 4).getUint32(0) & keyMask;
  throw new TypeError('a block hash that is neither a number nor bytes');
}
