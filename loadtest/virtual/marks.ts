import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { parseArgs, promisify } from 'node:util';
import { CellRuns } from './marks/cell-runs.ts';
import { fidelityCells, fidelityReport } from './marks/fidelity.ts';
import { findCalm } from './marks/find-calm.ts';
import { cellsOf, markRows } from './marks/mark-rows.ts';
import { markReport } from './marks/mark-report.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '101,102,103,104,105,106,107,108,109,110,111,112' },
    /** Engineers of the calm case, where they are known: the search takes a few minutes. */
    calm: { type: 'string' },
    processes: { type: 'string', default: '2' },
    out: { type: 'string', default: 'loadtest/report/routing-marks.md' },
  },
});

const git = async (...args: string[]): Promise<string> => (await promisify(execFile)('git', args)).stdout.trim();
if ((await git('status', '--porcelain', '--', '*.ts')) !== '')
  throw new Error('Runs are remembered by commit: commit what has changed first.');
const commit = await git('rev-parse', '--short', 'HEAD');
const runs = new CellRuns({ commit, folder: '.fairway/marks', processes: Number(values.processes) });
const calm = values.calm === undefined ? await findCalm(runs) : Number(values.calm);
const saturated = Math.round((4 / 3) * calm);
console.log(`calm: ${calm} engineers, saturated: ${saturated}`);
const seeds = values.seeds.split(',').map(Number);
const figures = await runs.all(cellsOf({ calm, saturated }), seeds);
const marks = markReport(markRows(figures), { figures, seeds, commit, calm, saturated });
const report = `${marks}\n${fidelityReport(await runs.all(fidelityCells, seeds))}`;
await writeFile(values.out, report);
console.log(report);
