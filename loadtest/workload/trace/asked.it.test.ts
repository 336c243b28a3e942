import { expect, it } from 'vitest';
import { collected, traceFile } from '../testing/trace-file.ts';
import type { Arrival } from '../turn.ts';
import { openWorkload, workloadSchema } from '../workload.ts';
import { Asked } from './asked.ts';
import { mooncakeLine } from './mooncake.ts';
import { playedOut } from './played-out.ts';
import { traceArrivals } from './trace-arrivals.ts';

const engineers = (count: number) =>
  openWorkload({ workload: workloadSchema.parse(undefined), engineers: count, seed: 1 });

/** The requests as lines of a trace, and what they come to. */
async function exported(arrivals: AsyncIterable<Arrival>) {
  const asked = new Asked(512);
  const blocks: (readonly number[])[] = [];
  let text = '';
  for await (const arrival of arrivals) {
    const ids = asked.add(arrival);
    blocks.push(ids);
    text += mooncakeLine(arrival, ids);
  }
  return { text, blocks, figures: asked.figures() };
}

it('a trace of engineers, read back, shares the same prefixes in the same order', async () => {
  const { text, blocks, figures } = await exported(playedOut(engineers(40), 20 * 60_000));
  expect(figures.requests).toBeGreaterThan(300);
  const file = await traceFile(text);
  const again = await exported(traceArrivals({ file, speed: 1, blockTokens: 512 }));
  expect(again.blocks).toEqual(blocks);
  const { requests, meanPrompt, meanOutput, idealBlockHits } = figures;
  expect(again.figures).toMatchObject({ requests, meanPrompt, meanOutput, idealBlockHits });
  // In a trace answers are fresh, and so is a block that is cut.
  expect(again.figures.idealHits).toBeCloseTo(figures.idealBlockHits, 2);
});

it('numbers blocks by everything up to their end', async () => {
  const row = { output_length: 1 };
  const rows = [
    { ...row, timestamp: 0, input_length: 1024, hash_ids: [5, 6] },
    { ...row, timestamp: 0, input_length: 1100, hash_ids: [5, 6, 7] },
    // The second block follows another one than before.
    { ...row, timestamp: 1000, input_length: 1024, hash_ids: [9, 6] },
  ];
  const file = await traceFile(rows.map((one) => JSON.stringify(one)).join('\n'));
  const { blocks, figures } = await exported(traceArrivals({ file, speed: 1, blockTokens: 512 }));
  expect(blocks).toEqual([
    [0, 1],
    [0, 1, 2],
    [3, 4],
  ]);
  expect(figures).toEqual({
    requests: 3,
    perSecond: 3,
    meanPrompt: 3148 / 3,
    meanFresh: (1024 + 76 + 1024) / 3,
    meanOutput: 1,
    idealHits: 1 - (1024 + 76 + 1024) / 3148,
    idealBlockHits: 1 - 5 / 7,
  });
});

it('plays closed loops out in the order of time: the next request follows an answer', async () => {
  const arrivals = await collected(playedOut(engineers(3), 10 * 60_000));
  const times = arrivals.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const [first, second] = arrivals.filter(({ client }) => client === 'engineer-1');
  if (first === undefined || second === undefined) throw new Error('the engineer has not asked twice');
  expect(second.atMs - first.atMs).toBeGreaterThan(1000 + 20 * first.turn.answer.tokens);
  expect(second.turn.parts.slice(0, first.turn.parts.length)).toEqual(first.turn.parts);
  expect(second.turn.parts[first.turn.parts.length]).toEqual(first.turn.answer);
});
