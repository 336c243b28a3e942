import { z } from 'zod';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Usage } from '../../replicas/usage.ts';

const details = z.object({ cached_tokens: z.number().nullish() }).nullish();
/** Chat, completions and embeddings have the first names, responses the others; SGLang mixes them. */
const usageSchema = z.object({
  prompt_tokens: z.number().nullish(),
  completion_tokens: z.number().nullish(),
  prompt_tokens_details: details,
  input_tokens: z.number().nullish(),
  output_tokens: z.number().nullish(),
  input_tokens_details: details,
});

const key = Buffer.from('"usage"');
const openBrace = 0x7b;
/** Longest usage object that is read. */
const lengthMax = 4096;

/**
 * Finds the last `"usage": {…}` in a piece of JSON and parses that object alone. Inside a JSON text the bytes `"usage"`
 * can only be a member's name or a whole string: quotes in generated text are escaped.
 */
export function findUsage(bytes: Buffer): Usage | undefined {
  for (let at = bytes.lastIndexOf(key); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(key, at - 1)) {
    const start = valueStart(bytes, at + key.length);
    if (bytes[start] === openBrace) return readUsage(bytes.subarray(start, start + lengthMax));
  }
  return undefined;
}

/**
 * Adds up the usage events of one stream. Engines tell it once at the end (vLLM), once per choice (llama-server), or
 * beside every token, growing (continuous usage); a prompt is counted once, whatever the choices.
 */
export class UsageTally {
  readonly #choices: number;
  readonly #beside = new Map<string, Usage>();
  readonly #alone: Usage[] = [];

  constructor(choices: number) {
    this.#choices = choices;
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
    return {
      promptTokens: Math.max(...told.map(({ promptTokens }) => promptTokens)),
      completionTokens: told.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
      // Later choices find what the first one has just computed.
      cachedTokens: cached.length === 0 ? undefined : Math.min(...cached),
    };
  }
}

function valueStart(bytes: Buffer, from: number): number {
  let at = from;
  while (isBlank(bytes[at])) at += 1;
  if (bytes[at] !== 0x3a) return -1;
  at += 1;
  while (isBlank(bytes[at])) at += 1;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function readUsage(bytes: Buffer): Usage | undefined {
  const end = objectEnd(bytes);
  if (end < 0) return undefined;
  const parsed = usageSchema.safeParse(parseJson(bytes.toString('utf8', 0, end)));
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

/** Where the object that starts at 0 ends. Usage holds numbers, so that braces inside strings do not occur. */
function objectEnd(bytes: Buffer): number {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === openBrace) depth += 1;
    else if (bytes[at] === 0x7d) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return -1;
}
