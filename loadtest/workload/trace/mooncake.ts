import { z } from 'zod';
import { TraceFieldError, type TraceRow } from './trace-row.ts';

/** Tokens of a block in the published traces. */
export const mooncakeBlockTokens = 512;

const lineSchema = z.object({
  timestamp: z.number().nonnegative(),
  input_length: z.int().positive(),
  output_length: z.int().nonnegative(),
  hash_ids: z.array(z.int().nonnegative()),
});

/** A line as files have it. */
export type MooncakeLine = z.infer<typeof lineSchema>;

/**
 * Reads a line of a Mooncake trace: `timestamp` in milliseconds, lengths in tokens, `hash_ids` one per block of the prompt, the
 * last one cut. Source: github.com/kvcache-ai/Mooncake, FAST25-release.
 * @throws {TraceFieldError}
 */
export function mooncakeRow(line: string, blockTokens: number): TraceRow {
  const { timestamp, input_length, output_length, hash_ids } = checked(line);
  const expected = Math.ceil(input_length / blockTokens);
  if (hash_ids.length !== expected)
    throw new TraceFieldError(
      `hash_ids: ${input_length} tokens are ${expected} blocks of ${blockTokens}, but ${hash_ids.length} ids are there`,
    );
  return { timestamp, inputTokens: input_length, outputTokens: output_length, blocks: hash_ids };
}

function checked(line: string): MooncakeLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new TraceFieldError(`expected a JSON object: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { data, error } = lineSchema.safeParse(json);
  if (data !== undefined) return data;
  throw new TraceFieldError(
    error.issues.map(({ path, message }) => `${path.join('.') || 'line'}: ${message}`).join('; '),
  );
}
