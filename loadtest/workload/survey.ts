/**
 * Run: node loadtest/workload/survey.ts [--workload JSON] [--engineers 2000] [--seed 1] [--minutes 60] [--out FILE]
 * What a workload asks, without anybody who answers; with `--out` also as a Mooncake trace.
 */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Asked } from './trace/asked.ts';
import { mooncakeBlockTokens, mooncakeLine } from './trace/mooncake.ts';
import { playedOut } from './trace/played-out.ts';
import { openWorkload, workloadName, workloadSchema } from './workload.ts';

const { values } = parseArgs({
  options: {
    workload: { type: 'string' },
    engineers: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    out: { type: 'string' },
  },
});

const chosen = {
  workload: workloadSchema.parse(values.workload === undefined ? undefined : JSON.parse(values.workload)),
  engineers: Number(values.engineers),
  seed: Number(values.seed),
};
const blockTokens = 'blockTokens' in chosen.workload ? chosen.workload.blockTokens : mooncakeBlockTokens;
const asked = new Asked(blockTokens);

async function* lines(): AsyncGenerator<string> {
  for await (const arrival of playedOut(openWorkload(chosen), 60_000 * Number(values.minutes)))
    yield mooncakeLine(arrival, asked.add(arrival));
}

if (values.out !== undefined) await pipeline(lines, createWriteStream(values.out));
else for await (const _line of lines());
const figures = asked.figures();
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
console.log(
  [
    `${workloadName(chosen)}: ${figures.requests} requests`,
    `${figures.perSecond.toFixed(2)}/s`,
    `prompt ${figures.meanPrompt.toFixed(0)} tokens, fresh ${figures.meanFresh.toFixed(0)}, output ${figures.meanOutput.toFixed(0)}`,
    `ideal hits ${percent(figures.idealHits)} of tokens, ${percent(figures.idealBlockHits)} of blocks of ${blockTokens}`,
  ].join(' · '),
);
