import { z } from 'zod';
import type { Usage } from '../../replicas/usage.ts';
import { lastUsage } from '../usage-object.ts';

const count = z.number().nonnegative().nullish();
const usageSchema = z.object({
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
});

/** What one event tells; each event of a stream may bring some of it. */
type Told = z.infer<typeof usageSchema>;

/** Adds up what the events of one answer tell: the newest count of each kind holds. */
export class MessageUsage {
  #told: Told = {};

  /** Takes a parsed usage object; what is none says nothing. */
  add(usage: unknown): void {
    const { success, data } = usageSchema.safeParse(usage);
    if (!success) return;
    const known = Object.entries(data).filter(([, value]) => value !== null && value !== undefined);
    this.#told = { ...this.#told, ...Object.fromEntries(known) };
  }

  /** `input_tokens` is what came out of no cache: the prompt is the sum of all three. */
  get total(): Usage | undefined {
    const { input_tokens: fresh, output_tokens: output, ...cache } = this.#told;
    if (fresh === undefined && output === undefined) return undefined;
    const cached = cache.cache_read_input_tokens ?? undefined;
    return {
      promptTokens: (fresh ?? 0) + (cached ?? 0) + (cache.cache_creation_input_tokens ?? 0),
      completionTokens: output ?? 0,
      cachedTokens: cached,
    };
  }
}

/** Usage of a whole message, out of its last bytes. */
export function usageOf(tail: Buffer): Usage | undefined {
  const usage = new MessageUsage();
  usage.add(lastUsage(tail));
  return usage.total;
}
