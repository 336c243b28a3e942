import { z } from 'zod';
import type { Arrival, PromptPart } from '../turn.ts';
import { mooncakeBlockTokens } from './mooncake.ts';
import { readTrace } from './read-trace.ts';
import type { TraceRow } from './trace-row.ts';

/** A Mooncake or Azure trace, in an open loop. */
export const traceSchema = z.strictObject({
  kind: z.literal('trace'),
  file: z.string(),
  /** 2 sends the requests of an hour in half an hour. */
  speed: z.number().positive().default(1),
  /** Of the blocks that a Mooncake trace counts in. */
  blockTokens: z.int().min(1).default(mooncakeBlockTokens),
});

type Trace = z.infer<typeof traceSchema>;

/**
 * The requests of a trace, at their times from the first one on. A block is a message, the first one that of the system: where
 * messages end no trace tells. Without blocks each prompt is its own.
 * @throws {ConfigError} while iterating
 */
export async function* traceArrivals({ file, speed, blockTokens }: Omit<Trace, 'kind'>): AsyncGenerator<Arrival> {
  const seen = new Set<number>();
  let beganAt: number | undefined;
  let count = 0;
  for await (const row of readTrace(file, blockTokens)) {
    beganAt ??= row.timestamp;
    // Ids of a file are not negative: below zero is room for texts that are a request's own.
    const [ownId, answerId] = [-2 * count - 1, -2 * count - 2];
    const answer: PromptPart = { id: answerId, kind: 'answer', tokens: Math.max(1, row.outputTokens) };
    const turn = { session: `trace-${count}`, version: 1, answer, promptTokens: row.inputTokens };
    const { parts, freshTokens } = promptOf(row, { blockTokens, ownId, seen });
    yield { atMs: (row.timestamp - beganAt) / speed, client: 'trace', turn: { ...turn, parts, freshTokens } };
    count += 1;
  }
}

function promptOf(
  { inputTokens, blocks }: TraceRow,
  { blockTokens, ownId, seen }: { blockTokens: number; ownId: number; seen: Set<number> },
): { parts: PromptPart[]; freshTokens: number } {
  if (blocks === undefined)
    return { parts: [{ id: ownId, kind: 'question', tokens: inputTokens }], freshTokens: inputTokens };
  let freshTokens = 0;
  const parts = blocks.map((id, index): PromptPart => {
    const tokens = Math.min(blockTokens, inputTokens - index * blockTokens);
    // What follows a fresh block is fresh, too: a block's text is its own behind one prefix alone.
    if (freshTokens > 0 || !seen.has(id)) freshTokens += tokens;
    seen.add(id);
    return { id, kind: index === 0 ? 'system' : 'question', tokens };
  });
  return { parts, freshTokens };
}
