import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { shellLine } from '#loadtest/record/about-run.ts';
import { readRun } from '#loadtest/record/run-folder.ts';
import { readNeeded } from '#loadtest/report/replicas-needed/needed-file.ts';
import { buildPage } from './build-page.ts';
import { standingAlone } from './draw.ts';
import { htmlOf } from './html.ts';
import { markdownOf } from './markdown.ts';
import { seeRun, type RunSeen } from './seen/run-seen.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: '.fairway/report' },
    /** Of one GPU, US dollars an hour; and GPUs of a replica. */
    'gpu-price': { type: 'string' },
    gpus: { type: 'string', default: '1' },
    /** What `loadtest/report/replicas-needed` wrote. */
    needed: { type: 'string' },
  },
});
if (positionals.length === 0)
  throw new Error(
    'Which runs? node loadtest/report/page/main.ts RUN… [--out FOLDER] [--gpu-price DOLLARS [--gpus N]] [--needed FILE]; a run is a folder with run.json.',
  );

const runs: RunSeen[] = [];
for (const folder of positionals) runs.push(await seeRun(await readRun(folder)));
const [gpus, price] = [
  Number(values.gpus),
  values['gpu-price'] === undefined ? undefined : Number(values['gpu-price']),
];
if (!(gpus > 0) || !((price ?? 1) > 0))
  throw new Error('--gpu-price is US dollars an hour, and --gpus a number: both are above 0.');
const page = buildPage(runs, {
  command: shellLine(process.argv),
  ...(price !== undefined && { gpuPrice: { gpus, perHour: gpus * price, source: 'as given' } }),
  ...(values.needed !== undefined && { needed: await readNeeded(values.needed) }),
});
const plots = join(values.out, 'plots');
await mkdir(plots, { recursive: true });
await writeFile(join(values.out, 'report.html'), htmlOf(page));
await writeFile(join(values.out, 'report.md'), markdownOf(page, 'plots'));
for (const { plot } of page.sections)
  if (plot !== undefined) await writeFile(join(plots, `${plot.name}.svg`), standingAlone(plot.svg));
console.log(join(values.out, 'report.html'));
