import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { shellLine } from '#loadtest/record/about-run.ts';
import { readRun } from '#loadtest/record/run-folder.ts';
import { buildPage } from './build-page.ts';
import { standingAlone } from './draw.ts';
import { htmlOf } from './html.ts';
import { markdownOf } from './markdown.ts';
import { seeRun, type RunSeen } from './run-seen.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: '.fairway/report' } },
});
if (positionals.length === 0)
  throw new Error(
    'Which runs? node loadtest/report/page/main.ts RUN… [--out FOLDER]; a run is a folder with run.json.',
  );

const runs: RunSeen[] = [];
for (const folder of positionals) runs.push(await seeRun(await readRun(folder)));
const page = buildPage(runs, shellLine(process.argv));
const plots = join(values.out, 'plots');
await mkdir(plots, { recursive: true });
await writeFile(join(values.out, 'report.html'), htmlOf(page));
await writeFile(join(values.out, 'report.md'), markdownOf(page, 'plots'));
for (const { plot } of page.sections)
  if (plot !== undefined) await writeFile(join(plots, `${plot.name}.svg`), standingAlone(plot.svg));
console.log(join(values.out, 'report.html'));
