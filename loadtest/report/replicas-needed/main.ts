import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkedOut, shellLine } from '#loadtest/record/about-run.ts';
import { CellRuns } from '#loadtest/virtual/marks/cell-runs.ts';
import { writeNeeded } from './needed-file.ts';
import { peaks, searchNeeded, shareNeeded } from './search.ts';

const { values } = parseArgs({
  options: {
    engineers: { type: 'string', default: '2000' },
    /** Of each peak hour. */
    minutes: { type: 'string', default: '60' },
    warmup: { type: 'string', default: '15' },
    seeds: { type: 'string', default: '101,102,103' },
    most: { type: 'string', default: '96' },
    processes: { type: 'string', default: '2' },
    out: { type: 'string', default: '.fairway/replicas-needed.json' },
  },
});

const commit = await checkedOut();
if (commit.endsWith('-dirty')) throw new Error('Runs are remembered by commit: commit what has changed first.');
const load = {
  engineers: Number(values.engineers),
  minutes: Number(values.minutes),
  warmUpMinutes: Number(values.warmup),
  seeds: values.seeds.split(',').map(Number),
};
const runs = new CellRuns({ commit, folder: '.fairway/marks', processes: Number(values.processes) });
const startedAt = new Date().toISOString();
const contenders = await searchNeeded(runs, { load, most: Number(values.most) }, console.log);
await mkdir(path.dirname(values.out), { recursive: true });
await writeNeeded(values.out, {
  v: 1,
  commit,
  command: shellLine(process.argv),
  startedAt,
  load: `that of ${load.engineers} engineers around both peaks of an office day: ${load.minutes} minutes from ${peaks.join(' and from ')}, each after ${load.warmUpMinutes} that fill caches`,
  share: shareNeeded,
  seeds: load.seeds,
  preset: '30b-a3b-h200',
  contenders,
});
console.log(values.out);
