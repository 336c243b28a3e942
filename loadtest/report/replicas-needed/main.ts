import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkedOut, shellLine } from '#loadtest/record/about-run.ts';
import { CellRuns } from '#loadtest/virtual/marks/cell-runs.ts';
import { mean } from '#loadtest/virtual/marks/mean.ts';
import type { ScenarioText } from '#loadtest/virtual/scenario.ts';
import { findReplicas } from './find-replicas.ts';
import { writeNeeded, type ReplicasNeeded } from './needed-file.ts';

const { values } = parseArgs({
  options: {
    engineers: { type: 'string', default: '500' },
    minutes: { type: 'string', default: '40' },
    warmup: { type: 'string', default: '20' },
    seeds: { type: 'string', default: '101,102,103' },
    most: { type: 'string', default: '32' },
    processes: { type: 'string', default: '2' },
    out: { type: 'string', default: '.fairway/replicas-needed.json' },
  },
});

const commit = await checkedOut();
if (commit.endsWith('-dirty')) throw new Error('Runs are remembered by commit: commit what has changed first.');
const runs = new CellRuns({ commit, folder: '.fairway/marks', processes: Number(values.processes) });
const seeds = values.seeds.split(',').map(Number);
const load = {
  engineers: Number(values.engineers),
  minutes: Number(values.minutes),
  warmUpMinutes: Number(values.warmup),
} satisfies ScenarioText;
const share = 0.9;
const contenders: Readonly<Record<string, ScenarioText>> = {
  'affinity, 4 routers': { policy: 'affinity', routers: 4 },
  'aibrix, 1 router': { policy: 'aibrix', routers: 1 },
};

const startedAt = new Date().toISOString();
const found: ReplicasNeeded['contenders'] = [];
for (const [label, contender] of Object.entries(contenders)) {
  const tryOut = async (replicas: number): Promise<readonly number[]> => {
    const { tried } = await runs.all({ tried: { ...load, ...contender, replicas } }, seeds);
    const soon = tried.map((figures) => figures.soon);
    console.log(`${label}, ${replicas} replicas: ${(100 * mean(soon)).toFixed(1)} % within 2 s`);
    return soon;
  };
  const { needed, tried } = await findReplicas(Number(values.most), tryOut, (soon) => mean(soon) >= share);
  found.push({
    label,
    ...(needed !== undefined && { needed }),
    tried: tried.map((one) => ({ ...one, soon: [...one.soon] })),
  });
}
await mkdir(path.dirname(values.out), { recursive: true });
await writeNeeded(values.out, {
  v: 1,
  commit,
  command: shellLine(process.argv),
  startedAt,
  load: `${load.engineers} engineers for ${load.minutes} minutes, of which ${load.warmUpMinutes} are warm-up`,
  share,
  seeds,
  preset: '30b-a3b-h200',
  contenders: found,
});
console.log(values.out);
