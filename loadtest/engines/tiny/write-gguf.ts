import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { byteTokens, endToken, specialTokens, startToken } from './byte-vocabulary.ts';
import { chatTemplate, tinyShape, tinyTensors, type Tensor } from './tiny-llama.ts';

/** Numbers of value types and tensor types, and the alignment of data (github.com/ggml-org/ggml, docs/gguf.md). */
const types = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;
const tensorTypes = { float32: 0, float16: 1 } as const;
const alignment = 32;

type Value = { uint32: number } | { float32: number } | { bool: boolean } | { string: string } | ValueArray;
type ValueArray = { strings: readonly string[] } | { int32s: readonly number[] };

/** Kinds of tokens in the same format. */
const normalToken = 1;
const controlToken = 3;

/** Writes the tiny model as a GGUF file (version 3). */
export async function writeTinyGguf(file: string, seed: number): Promise<void> {
  await pipeline(parts([...tinyTensors(seed)]), createWriteStream(file));
}

function* parts(tensors: readonly Tensor[]): Generator<Buffer> {
  const metadata = Object.entries(describe());
  const head = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(metadata.length)];
  for (const [key, value] of metadata) head.push(text(key), encode(value));
  let offset = 0;
  for (const { gguf, shape, values } of tensors) {
    const type = values instanceof Float32Array ? tensorTypes.float32 : tensorTypes.float16;
    // The innermost dimension comes first.
    const sizes = shape.toReversed().map(uint64);
    head.push(text(gguf), uint32(shape.length), ...sizes, uint32(type), uint64(offset));
    offset += aligned(values.byteLength);
  }
  yield padded(Buffer.concat(head));
  for (const { values } of tensors) yield padded(Buffer.from(values.buffer));
}

/** The model's metadata under the keys of the architecture "llama". */
function describe(): Record<string, Value> {
  const { width, layers, heads, kvHeads, headSize, feedForward, contextTokens, epsilon, ropeBase } = tinyShape;
  const tokens = [...byteTokens, ...specialTokens];
  return {
    'general.architecture': { string: 'llama' },
    'general.name': { string: 'tiny-random' },
    'general.file_type': { uint32: tensorTypes.float16 },
    'llama.context_length': { uint32: contextTokens },
    'llama.embedding_length': { uint32: width },
    'llama.block_count': { uint32: layers },
    'llama.feed_forward_length': { uint32: feedForward },
    'llama.attention.head_count': { uint32: heads },
    'llama.attention.head_count_kv': { uint32: kvHeads },
    'llama.attention.layer_norm_rms_epsilon': { float32: epsilon },
    'llama.rope.dimension_count': { uint32: headSize },
    'llama.rope.freq_base': { float32: ropeBase },
    'llama.vocab_size': { uint32: tokens.length },
    'tokenizer.ggml.model': { string: 'gpt2' },
    'tokenizer.ggml.pre': { string: 'gpt-2' },
    'tokenizer.ggml.tokens': { strings: tokens },
    'tokenizer.ggml.token_type': {
      int32s: tokens.map((token) => (specialTokens.includes(token) ? controlToken : normalToken)),
    },
    'tokenizer.ggml.merges': { strings: [] },
    'tokenizer.ggml.bos_token_id': { uint32: tokens.indexOf(startToken) },
    'tokenizer.ggml.eos_token_id': { uint32: tokens.indexOf(endToken) },
    'tokenizer.ggml.add_bos_token': { bool: false },
    'tokenizer.chat_template': { string: chatTemplate },
  };
}

function encode(value: Value): Buffer {
  if ('uint32' in value) return Buffer.concat([uint32(types.uint32), uint32(value.uint32)]);
  if ('float32' in value) return Buffer.concat([uint32(types.float32), float32(value.float32)]);
  if ('bool' in value) return Buffer.concat([uint32(types.bool), Buffer.from([value.bool ? 1 : 0])]);
  if ('string' in value) return Buffer.concat([uint32(types.string), text(value.string)]);
  const [type, items] =
    'strings' in value ? [types.string, value.strings.map(text)] : [types.int32, value.int32s.map(uint32)];
  return Buffer.concat([uint32(types.array), uint32(type), uint64(items.length), ...items]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], aligned(bytes.length));
}
