import { z } from 'zod';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { exponential } from './distributions.ts';
import type { Arrival, PromptPart, Turn } from './turn.ts';

const second = 1000;
/** Their order is held in memory. */
const promptsMax = 1_000_000;

/** Requests at a rate, whatever becomes of them. */
const stageSchema = z.strictObject({
  /** Requests per second. */
  rate: z.number().positive(),
  seconds: z.number().positive(),
  /** `constant`: at equal distances; `poisson`: independent of each other. */
  arrivals: z.enum(['poisson', 'constant']).default('poisson'),
});

/**
 * Groups of prompts with a prefix in common, as inference-perf's `shared_prefix`, SGLang's `generated-shared-prefix` and vLLM's
 * `prefix_repetition` have them; defaults are SGLang's.
 */
const promptsSchema = z
  .strictObject({
    groups: z.int().min(1).default(64),
    promptsPerGroup: z.int().min(1).default(16),
    sharedTokens: z.int().min(1).default(2048),
    questionTokens: z.int().min(1).default(128),
    outputTokens: z.int().min(1).default(256),
  })
  .refine(
    ({ groups, promptsPerGroup }) => groups * promptsPerGroup <= promptsMax,
    `groups × promptsPerGroup is at most ${promptsMax}`,
  );

/** Open-loop stages, one after the other. */
export const stagesSchema = z.strictObject({
  kind: z.literal('stages'),
  stages: z.array(stageSchema).min(1),
  prompts: promptsSchema.prefault({}),
});

type Stages = z.infer<typeof stagesSchema>;

/** The requests of all stages. The prompts come in an order that the seed says, each once, then once more, and so on. */
export async function* stageArrivals({ stages, prompts }: Stages, seed: number): AsyncGenerator<Arrival> {
  const random = seededRandom(seed * 1_000_003 + 1);
  const turnAt = turnsOf(prompts, random);
  let beganAt = 0;
  let count = 0;
  for (const [index, { rate, seconds, arrivals }] of stages.entries()) {
    const gap = second / rate;
    const endsAt = beganAt + second * seconds;
    for (let atMs = beganAt; ;) {
      atMs += arrivals === 'poisson' ? exponential(random, gap) : gap;
      if (atMs > endsAt) break;
      yield { atMs, client: `stage-${index + 1}`, turn: turnAt(count++) };
    }
    beganAt = endsAt;
  }
}

/** The request with that number, asked for one after the other. */
function turnsOf(prompts: Stages['prompts'], random: () => number): (count: number) => Turn {
  const { groups, sharedTokens, questionTokens, outputTokens } = prompts;
  const order = shuffled(groups * prompts.promptsPerGroup, random);
  const seen = new Set<number>();
  const freshTokens = (parts: readonly PromptPart[]): number =>
    parts.reduce((sum, { id, tokens }) => sum + (seen.has(id) ? 0 : (seen.add(id), tokens)), 0);
  return (count) => {
    const prompt = order[count % order.length] ?? 0;
    const parts: PromptPart[] = [
      { id: prompt % groups, kind: 'system', tokens: sharedTokens },
      { id: groups + prompt, kind: 'question', tokens: questionTokens },
    ];
    return {
      session: `stage-${count}`,
      version: 1,
      parts,
      answer: { id: -1 - count, kind: 'answer', tokens: outputTokens },
      promptTokens: sharedTokens + questionTokens,
      freshTokens: freshTokens(parts),
    };
  };
}

/** The numbers below `count` in an order of chance (Fisher and Yates, as Durstenfeld wrote it 1964). */
function shuffled(count: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}
