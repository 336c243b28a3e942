import { z } from 'zod';
import type { EngineAdapter } from './engine-adapter.ts';

const count = z.number().nonnegative();
/** Of `/slots` only what is counted here: a server that is told to puts prompts into it. */
const slotsSchema = z.array(
  z.object({
    is_processing: z.boolean(),
    n_prompt_tokens: count.default(0),
    next_token: z.array(z.object({ n_decoded: count })).default([]),
  }),
);

/** llama.cpp's server, recorded with b11434. No metric tells of its KV cache: what its slots work on is what is in use. */
export const llamaCpp: EngineAdapter = {
  path: '/slots',
  read: (samples, { kvTokens }, slots) => {
    const [hits, others] = [
      samples.sum('llamacpp:prompt_tokens_cached_total'),
      samples.sum('llamacpp:prompt_tokens_total'),
    ];
    return {
      running: samples.sum('llamacpp:requests_processing'),
      waiting: samples.sum('llamacpp:requests_deferred'),
      kvUse: kvUse(slots, kvTokens),
      cacheQueries: hits === undefined || others === undefined ? undefined : hits + others,
      cacheHits: hits,
    };
  },
};

function kvUse(slots: unknown, kvTokens: number): number | undefined {
  const { data } = slotsSchema.safeParse(slots);
  if (data === undefined) return undefined;
  const used = data
    .filter((slot) => slot.is_processing)
    .reduce((sum, slot) => sum + slot.n_prompt_tokens + (slot.next_token[0]?.n_decoded ?? 0), 0);
  return used <= kvTokens ? used / kvTokens : undefined;
}
