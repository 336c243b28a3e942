import { z } from 'zod';
import type { Arrival } from '../turn.ts';
import { TraceFieldError, type TraceRow } from './trace-row.ts';

/** Tokens of a block in the published traces. */
export const mooncakeBlockTokens = 512;

const lineSchema = z.object({
  timestamp: z.number().nonnegative(),
  input_length: z.int().positive(),
  output_length: z.int().nonnegative(),
  hash_ids: z.array(z.int().nonnegative()),
});

type MooncakeLine = z.infer<typeof lineSchema>;

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

/** A request as a line of a Mooncake trace; `blocks` are the ids of its prompt's blocks. */
export function mooncakeLine({ atMs, turn }: Arrival, blocks: readonly number[]): string {
  const { promptTokens, answer } = turn;
  const line: MooncakeLine = {
    timestamp: Math.round(atMs),
    input_length: promptTokens,
    output_length: answer.tokens,
    hash_ids: [...blocks],
  };
  return `${JSON.stringify(line)}\n`;
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
