import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { LabRow } from './lab-row.ts';
import { firstNumber, reportCell } from './report-cell.ts';

const root = resolve(import.meta.dirname, '../../..');
const pickBench = 'router/testing/cpu/pick.bench.ts';
const hotPath = 'node setup.mjs loadtest/bench/hot-path/main.ts';

/** What a request costs: out of the committed reports of `loadtest/bench/hot-path`, and a pick that is measured now. */
export async function benchRows(): Promise<LabRow[]> {
  const report = await readFile(resolve(root, 'loadtest/report/hot-path.md'), 'utf8');
  const crowds = await readFile(resolve(root, 'loadtest/report/hot-path-crowds.md'), 'utf8');
  const perCore = (body: string): number => 1000 / reportCell(report, [body, 'Fairway'], 'CPU s per 1,000');
  const { stdout } = await promisify(execFile)(process.execPath, [pickBench], { cwd: root });
  const idle = firstNumber(/idle with 100 replicas: (.*)/.exec(crowds)?.[1] ?? '');
  return [
    atLeast('requests/s per core, 408 KB in, 1,000 events out', {
      goal: 17,
      measured: perCore('408 KB/1,000'),
      command: hotPath,
    }),
    atLeast('requests/s per core, 300 KB in, 16 events out', {
      goal: 227,
      measured: perCore('300 KB/16'),
      command: hotPath,
    }),
    atMost('added to the first content of a small request, p50, one after the other, ms', {
      goal: 0.3,
      measured: reportCell(report, ['Fairway'], 'added, ms'),
      command: hotPath,
    }),
    atMost('CPU of a pick, 100k tokens × 100 replicas, p99, µs', {
      goal: 200,
      measured: firstNumber(/affinity: .*p99 (\d+)/.exec(stdout)?.[1] ?? ''),
      command: `node ${pickBench}`,
    }),
    atMost('cores of an idle router with 100 replicas', { goal: 0.1, measured: idle, command: `${hotPath} --crowds` }),
  ];
}

interface Measured {
  readonly goal: number;
  readonly measured: number;
  readonly command: string;
}

function atLeast(what: string, { goal, measured, command }: Measured): LabRow {
  return { what, goal: `≥ ${goal}`, measured: rounded(measured), holds: measured >= goal, command: `\`${command}\`` };
}

function atMost(what: string, { goal, measured, command }: Measured): LabRow {
  return { what, goal: `≤ ${goal}`, measured: rounded(measured), holds: measured <= goal, command: `\`${command}\`` };
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}
