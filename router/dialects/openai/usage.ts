import { z } from 'zod';
import type { Usage } from '../../replicas/usage.ts';
import { lastUsage } from '../usage-object.ts';

const count = z.number().nonnegative().nullish();
const details = z.object({ cached_tokens: count }).nullish();
/** Chat, completions and embeddings have the first names, responses the others; SGLang mixes them. */
const usageSchema = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  prompt_tokens_details: details,
  input_tokens: count,
  output_tokens: count,
  input_tokens_details: details,
});

/** The last usage object in a piece of JSON; one with a count that is none, as -1, says nothing. */
export function findUsage(bytes: Buffer): Usage | undefined {
  const parsed = usageSchema.safeParse(lastUsage(bytes));
  if (!parsed.success) return undefined;
  const { data } = parsed;
  const promptTokens = data.prompt_tokens ?? data.input_tokens;
  const completionTokens = data.completion_tokens ?? data.output_tokens;
  if ((promptTokens ?? completionTokens) == null) return undefined;
  const told = data.prompt_tokens_details ?? data.input_tokens_details;
  return {
    promptTokens: promptTokens ?? 0,
    completionTokens: completionTokens ?? 0,
    cachedTokens: told?.cached_tokens ?? undefined,
  };
}

/**
 * Adds up the usage events of one stream. Engines tell it once at the end (vLLM), once per choice (llama-server), or
 * beside every token, growing (continuous usage); a prompt is counted once, whatever the choices. Each prompt has as many
 * choices as the others.
 */
export class UsageTally {
  readonly #choices: number;
  readonly #prompts: number;
  readonly #beside = new Map<string, Usage>();
  readonly #alone: Usage[] = [];

  constructor({ choices, prompts }: { readonly choices: number; readonly prompts: number }) {
    this.#choices = choices;
    this.#prompts = prompts;
  }

  /** An event of its own: one for all choices, or one for each. */
  alone(usage: Usage): void {
    if (this.#alone.length >= this.#choices) this.#alone.shift();
    this.#alone.push(usage);
  }

  /** What an event with content tells: the newest one of its choice counts. */
  beside(choice: string, usage: Usage): void {
    this.#beside.set(choice, usage);
  }

  get total(): Usage | undefined {
    const told = this.#alone.length > 0 ? this.#alone : [...this.#beside.values()];
    const cached = told.flatMap(({ cachedTokens }) => cachedTokens ?? []);
    if (told.length === 0) return undefined;
    const prompts = told.map(({ promptTokens }) => promptTokens);
    const isOne = this.#prompts === 1 || told.length === 1;
    const perPrompt = this.#choices / this.#prompts;
    return {
      promptTokens: isOne ? Math.max(...prompts) : Math.round(sum(prompts) / perPrompt),
      completionTokens: sum(told.map(({ completionTokens }) => completionTokens)),
      // Later choices find what the first one has just computed: of several prompts that cannot be told apart.
      cachedTokens: cached.length === 0 ? undefined : isOne ? Math.min(...cached) : Math.round(sum(cached) / perPrompt),
    };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
