import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { byteTokens, endToken, specialTokens } from './byte-vocabulary.ts';

/**
 * A Llama of 4 million random weights: its text is nonsense, while its tokens, cache, timing, limits and errors are a real
 * engine's. An answer ends by itself after some 50 tokens.
 */
export const tinyShape = {
  width: 256,
  layers: 6,
  heads: 8,
  kvHeads: 2,
  headSize: 32,
  feedForward: 640,
  contextTokens: 8192,
  epsilon: 1e-5,
  ropeBase: 10_000,
} as const;

/** The chat template (Jinja) of the model: ChatML, without tools. */
export const chatTemplate =
  '{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** One tensor: rows × columns, or a vector; its name in GGUF files and in Hugging Face's. */
export interface Tensor {
  gguf: string;
  huggingFace: string;
  shape: readonly number[];
  values: Float16Array | Float32Array;
}

const tokens = [...byteTokens, ...specialTokens];

/** The tensors, one after the other, the same ones for the same seed. */
export function* tinyTensors(seed: number): Generator<Tensor> {
  const normal = normalNumbers(seededRandom(seed));
  const { width, layers, heads, kvHeads, headSize, feedForward } = tinyShape;
  const matrix = (rows: number, columns: number, deviation: number): Pick<Tensor, 'shape' | 'values'> => ({
    shape: [rows, columns],
    values: Float16Array.from({ length: rows * columns }, () => normal() * deviation),
  });
  const ones = { shape: [width], values: new Float32Array(width).fill(1) };
  yield { gguf: 'token_embd.weight', huggingFace: 'model.embed_tokens.weight', ...matrix(tokens.length, width, 1) };
  for (let layer = 0; layer < layers; layer += 1) {
    const named = (gguf: string, huggingFace: string): Pick<Tensor, 'gguf' | 'huggingFace'> => ({
      gguf: `blk.${layer}.${gguf}.weight`,
      huggingFace: `model.layers.${layer}.${huggingFace}.weight`,
    });
    const deviation = width ** -0.5;
    yield { ...named('attn_norm', 'input_layernorm'), ...ones };
    yield { ...named('attn_q', 'self_attn.q_proj'), ...matrix(heads * headSize, width, deviation) };
    yield { ...named('attn_k', 'self_attn.k_proj'), ...matrix(kvHeads * headSize, width, deviation) };
    yield { ...named('attn_v', 'self_attn.v_proj'), ...matrix(kvHeads * headSize, width, deviation) };
    yield { ...named('attn_output', 'self_attn.o_proj'), ...matrix(width, heads * headSize, deviation / 2) };
    yield { ...named('ffn_norm', 'post_attention_layernorm'), ...ones };
    yield { ...named('ffn_gate', 'mlp.gate_proj'), ...matrix(feedForward, width, deviation) };
    yield { ...named('ffn_up', 'mlp.up_proj'), ...matrix(feedForward, width, deviation) };
    yield { ...named('ffn_down', 'mlp.down_proj'), ...matrix(width, feedForward, feedForward ** -0.5 / 2) };
  }
  yield { gguf: 'output_norm.weight', huggingFace: 'model.norm.weight', ...ones };
  const output = matrix(tokens.length, width, 2 * width ** -0.5);
  for (const [token, text] of tokens.entries()) {
    const row = output.values.subarray(token * width, (token + 1) * width);
    row.forEach((value, index) => (row[index] = value * inclination(text)));
  }
  yield { gguf: 'output.weight', huggingFace: 'lm_head.weight', ...output };
}

/** Letters and spaces are what the model says, and the end after some 50 of them; the rest is as good as never likely. */
function inclination(token: string): number {
  if (token === endToken) return 0.6;
  return /^[a-zĠ]$/.test(token) ? 1 : 0;
}

/** Numbers of the standard normal distribution (Box and Muller, 1958). */
function normalNumbers(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
