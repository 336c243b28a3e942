import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readDeclarations } from '../declared/declaration.ts';
import { benchRows } from './bench-rows.ts';
import { judgedRuns } from './judged-runs.ts';
import { labTable } from './lab-table.ts';

const { values } = parseArgs({
  options: {
    /** Where `npm run load -- … --keep FOLDER` has kept its runs. */
    runs: { type: 'string', default: '.fairway/load' },
    out: { type: 'string', default: 'loadtest/report/load-lab.md' },
  },
});
const declarations = await readDeclarations();
const marks = await Promise.all(declarations.map((one) => judgedRuns(one, values.runs)));
const table = labTable({ benches: await benchRows(), marks: marks.flat() });
await writeFile(values.out, table);
console.log(table);
