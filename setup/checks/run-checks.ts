import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { lockfileProblems, type Lockfile, type PackageManifest } from './lockfile-problems.ts';
import { runCommand, stopSignal, type CommandResult } from '#shared/testing/run-command.ts';

/**
 * `npm run check`: everything that needs no server, in under a minute on two cores. One line per check, with its time; the
 * output of those that fail. `--no-unit` leaves the unit tests to the caller.
 */
const root = path.resolve(import.meta.dirname, '../..');

interface Check {
  name: string;
  run: (signal: AbortSignal) => Promise<CommandResult>;
}

function tool(name: string, file: string, args: readonly string[]): Check {
  const command = [process.execPath, path.join(root, 'node_modules', file), ...args];
  return { name, run: (signal) => runCommand(command, { cwd: root, signal, env: { NO_COLOR: '1' } }) };
}

function checkLockfile(): Promise<CommandResult> {
  const started = performance.now();
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Lockfile;
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as PackageManifest;
  const problems = lockfileProblems(lock, manifest);
  const advice = 'Make the lock anew under Node 24: npm install --package-lock-only';
  const output = problems.length === 0 ? '' : [...problems, advice].join('\n');
  return Promise.resolve({ code: problems.length === 0 ? 0 : 1, output, durationMs: performance.now() - started });
}

const vitest = 'run --config .config/vitest.config.ts --project unit --reporter dot --passWithNoTests';
const unit = tool('unit tests', 'vitest/vitest.mjs', vitest.split(' '));

/** The longest first, so that two cores end at about the same time. */
const checks: readonly Check[] = [
  ...(process.argv.includes('--no-unit') ? [] : [unit]),
  tool('types (tsc)', 'typescript/bin/tsc', ['--noEmit']),
  tool('lint (oxlint)', 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']),
  tool('dead code (knip)', 'knip/bin/knip.js', ['--no-progress']),
  tool('format (oxfmt)', 'oxfmt/bin/oxfmt', ['--check']),
  { name: 'lockfile', run: checkLockfile },
];

async function runOne(check: Check, signal: AbortSignal): Promise<boolean> {
  const result = await check.run(signal);
  const passed = result.code === 0;
  console.log(`${passed ? '✓' : '✗'} ${check.name} ${(result.durationMs / 1000).toFixed(1)} s`);
  if (!passed) console.log(result.output.trimEnd().replaceAll(/^/gm, '    '));
  return passed;
}

async function runAll(signal: AbortSignal): Promise<boolean[]> {
  const waiting = [...checks];
  const worker = async (): Promise<boolean[]> => {
    const passed: boolean[] = [];
    for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) {
      passed.push(await runOne(next, signal));
    }
    return passed;
  };
  const workers = Array.from({ length: Math.max(2, availableParallelism()) }, worker);
  return (await Promise.all(workers)).flat();
}

const passed = await runAll(stopSignal());
const failed = passed.filter((one) => !one).length;
console.log(`\n${passed.length - failed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed > 0 || passed.length < checks.length ? 1 : 0;
