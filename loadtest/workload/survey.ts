/**
 * Run: node loadtest/workload/survey.ts [--workload JSON] [--engineers 2000] [--seed 1] [--minutes 60] [--out FILE]
 * What a workload asks, without anybody who answers; with `--out` also as a Mooncake trace.
 */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { Asked } from './trace/asked.ts';
import { mooncakeBlockTokens, mooncakeLine } from './trace/mooncake.ts';
import { playedOut } from './trace/played-out.ts';
import { openWorkload, readWorkload, workloadName } from './workload.ts';

const { values } = parseArgs({
  options: {
    workload: { type: 'string', default: '{"kind":"engineers"}' },
    engineers: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    out: { type: 'string' },
  },
});

try {
  await survey();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function survey(): Promise<void> {
  const workload = readWorkload(values.workload);
  const chosen = { workload, engineers: Number(values.engineers), seed: Number(values.seed) };
  const blockTokens = workload.kind === 'trace' ? workload.blockTokens : mooncakeBlockTokens;
  const asked = new Asked(blockTokens);
  const lines = async function* (): AsyncGenerator<string> {
    for await (const arrival of playedOut(openWorkload(chosen), 60_000 * Number(values.minutes)))
      yield mooncakeLine(arrival, asked.add(arrival));
  };
  if (values.out === undefined) for await (const _line of lines());
  else await pipeline(lines, createWriteStream(values.out));
  const { requests, perSecond, meanPrompt, meanFresh, meanOutput, idealHits, idealBlockHits } = asked.figures();
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    [
      `${workloadName(chosen)}: ${requests} requests`,
      `${perSecond.toFixed(2)}/s`,
      `prompt ${meanPrompt.toFixed(0)} tokens, fresh ${meanFresh.toFixed(0)}, output ${meanOutput.toFixed(0)}`,
      `ideal hits ${percent(idealHits)} of tokens, ${percent(idealBlockHits)} of blocks of ${blockTokens}`,
    ].join(' · '),
  );
}
