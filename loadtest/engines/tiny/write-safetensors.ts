import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byteTokens, endToken, specialTokens, startToken } from './byte-vocabulary.ts';
import { chatTemplate, tinyShape, tinyTensors } from './tiny-llama.ts';

/** Writes the tiny model as a folder like a repository of Hugging Face, as vLLM and SGLang read it. */
export async function writeTinyRepository(folder: string, seed: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = {
    'config.json': config(),
    'generation_config.json': ends,
    'tokenizer.json': tokenizer(),
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: startToken,
      eos_token: endToken,
      model_max_length: tinyShape.contextTokens,
      clean_up_tokenization_spaces: false,
      chat_template: chatTemplate,
    },
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  await writeFile(join(folder, 'model.safetensors'), safetensors(seed));
}

const tokens = [...byteTokens, ...specialTokens];
const ends = { bos_token_id: tokens.indexOf(startToken), eos_token_id: tokens.indexOf(endToken) };

function config(): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    dtype: 'float16',
    vocab_size: tokens.length,
    hidden_size: tinyShape.width,
    num_hidden_layers: tinyShape.layers,
    num_attention_heads: tinyShape.heads,
    num_key_value_heads: tinyShape.kvHeads,
    head_dim: tinyShape.headSize,
    intermediate_size: tinyShape.feedForward,
    hidden_act: 'silu',
    max_position_embeddings: tinyShape.contextTokens,
    rms_norm_eps: tinyShape.epsilon,
    rope_theta: tinyShape.ropeBase,
    tie_word_embeddings: false,
    ...ends,
  };
}

/** The vocabulary as the package tokenizers reads it. */
function tokenizer(): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    added_tokens: specialTokens.map((content) => ({
      id: tokens.indexOf(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    pre_tokenizer: byteLevel,
    decoder: byteLevel,
    model: { type: 'BPE', vocab: Object.fromEntries(byteTokens.map((token, id) => [token, id])), merges: [] },
  };
}

/** The length of a JSON header, the header, the data (github.com/huggingface/safetensors, README). */
function safetensors(seed: number): Buffer {
  const data: Buffer[] = [];
  const header: Record<string, object> = {};
  let offset = 0;
  for (const { huggingFace, shape, values } of tinyTensors(seed)) {
    const end = offset + values.byteLength;
    const dtype = values instanceof Float32Array ? 'F32' : 'F16';
    header[huggingFace] = { dtype, shape, data_offsets: [offset, end] };
    data.push(Buffer.from(values.buffer));
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...data]);
}
