import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { Answer, Rendering } from '../model/answer.ts';
import { tokenize, type Segment } from '../model/tokens.ts';
import { badParameter, invalidBody } from '../model/vllm-errors.ts';
import type { Body, GenerationApi } from './generation-api.ts';
import { modelRequest } from './read-request.ts';

/** Numbers of a vector, unless `dimensions` says. */
const defaultDimensions = 64;
const dimensionsMax = 4096;

/** `POST /v1/embeddings` in the shapes of vLLM 0.32: a vector is made up from its text, the same every time. */
export const embeddings: GenerationApi = {
  path: '/v1/embeddings',
  read(body, limits) {
    const inputs = inputsOf(body['input']);
    const dimensions = body['dimensions'] ?? defaultDimensions;
    if (typeof dimensions !== 'number' || !(dimensions >= 1 && dimensions <= dimensionsMax))
      throw badParameter('dimensions', dimensions, `dimensions must be from 1 to ${dimensionsMax}.`);
    const vectors = inputs.map((input) =>
      vectorOf(tokenize([input], limits.blockTokens).chain.fingerprint, dimensions),
    );
    return modelRequest({ ...body, stream: false }, limits, {
      prompt: inputs,
      maxTokens: 1,
      render: (answer) => render(answer, body, vectors),
    });
  },
};

function inputsOf(input: unknown): Segment[] {
  if (input === undefined) throw invalidBody('body.input', 'missing', 'Field required');
  const list: unknown[] = Array.isArray(input) && !input.every((item) => typeof item === 'number') ? input : [input];
  return list.map((one) => ({ text: typeof one === 'string' ? one : JSON.stringify(one) }));
}

function vectorOf(seed: number, dimensions: number): number[] {
  const random = seededRandom(seed);
  const raw = Array.from({ length: Math.floor(dimensions) }, () => random() - 0.5);
  const length = Math.hypot(...raw);
  return raw.map((value) => value / length);
}

function render({ id, created, model, promptTokens }: Answer, body: Body, vectors: readonly number[][]): Rendering {
  const written = (vector: readonly number[]): unknown =>
    body['encoding_format'] === 'base64' ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens, completion_tokens: 0 };
  return {
    opening: () => '',
    token: () => '',
    closing: () => '',
    failure: () => '',
    whole: () => ({
      id: `embd-${id}`,
      object: 'list',
      created,
      model,
      data: vectors.map((vector, index) => ({ index, object: 'embedding', embedding: written(vector) })),
      usage: { ...usage, prompt_tokens_details: null },
    }),
  };
}
