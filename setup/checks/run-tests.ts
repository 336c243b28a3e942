import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findKubernetes } from '#loadtest/cluster/real/kubernetes-binaries.ts';
import { downloadGatewayDefinitions } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { runCommand, stopSignal, type CommandResult } from '#shared/testing/run-command.ts';
import { addTallies, closingLine, failure, readTally, readSkips, type Tally } from './test-tally.ts';

/**
 * `npm test`: unit, integration and end-to-end tests (not the slow ones), at most 5 minutes on two cores.
 * `npm test -- --all`: everything: the checks, the slow end-to-end tests, the suites on a real kube-apiserver and those
 * with DigitalOcean's clients, whose builds start first, in the background. Other arguments go to vitest (`npm test -- router/pick -t 'common prefix'`).
 * With FAIRWAY_REQUIRE=all a skipped test is a failure. The last line of stdout counts: `N passed, N failed, N skipped`.
 */
const root = path.resolve(import.meta.dirname, '../..');
const all = process.argv.includes('--all');
const vitestArgs = process.argv.slice(2).filter((argument) => argument !== '--all');
const work = mkdtempSync(path.join(tmpdir(), 'fairway-test-'));
const skipsFile = path.join(work, 'skips.jsonl');
const signal = stopSignal();
const env = { FAIRWAY_SKIPS_FILE: skipsFile, ...(all ? { FAIRWAY_KUBELAB: 'build', FAIRWAY_TEST_ALL: 'on' } : {}) };

/** A step beside the tests that went well counts as one of them. */
const done: Tally = { passed: 1, failed: 0, skipped: 0, failures: [] };

async function checks(): Promise<Tally> {
  title('checks');
  const script = path.join(import.meta.dirname, 'run-checks.ts');
  const { code } = await runCommand([process.execPath, script, '--no-unit'], { cwd: root, show: true, signal });
  return code === 0 ? done : failure('npm run check');
}

/** One vitest run over some projects; what it counted is read from its JSON report. */
async function tests(projects: readonly string[], options: { exclude?: string } = {}): Promise<Tally> {
  title(`${projects.join(' and ')} tests`);
  const report = path.join(work, `${projects.join('-')}.json`);
  const vitest = [process.execPath, path.join(root, 'node_modules/vitest/vitest.mjs')];
  const command = [
    ...vitest.concat('run --config .config/vitest.config.ts --passWithNoTests'.split(' ')),
    ...projects.flatMap((project) => ['--project', project]),
    ...'--reporter default --reporter json --outputFile.json'.split(' '),
    report,
    ...(options.exclude === undefined ? [] : ['--exclude', options.exclude]),
    ...vitestArgs,
  ];
  const { code } = await runCommand(command, { cwd: root, show: true, env, signal });
  return readTally(report, code);
}

function title(text: string): void {
  console.log(`\n── ${text}`);
}

/** Builds what tests use and npm does not have, one after the other; they find it in the cache afterwards. */
async function startBuilds(stop: AbortSignal): Promise<[what: string, result: CommandResult][]> {
  const hasKubernetes = await findKubernetes().then(
    () => true,
    () => false,
  );
  const builds = {
    ...(hasKubernetes ? {} : { 'the real kube-apiserver': ['bash', 'loadtest/cluster/kubelab/build.sh'] }),
    'the Gateway API’s definitions': downloadGatewayDefinitions,
    'DigitalOcean’s clients': [process.execPath, 'api/testing/clients/build.ts'],
  };
  const results: [string, CommandResult][] = [];
  for (const [what, command] of Object.entries(builds))
    results.push([what, await runCommand(command, { cwd: root, signal: stop })]);
  return results;
}

async function waitForBuilds(started: ReturnType<typeof startBuilds>): Promise<Tally[]> {
  const tallies: Tally[] = [];
  for (const [what, result] of await started) {
    title(`the build of ${what}`);
    console.log(`${result.code === 0 ? '✓ ready' : '✗ failed'} after ${Math.round(result.durationMs / 1000)} s`);
    if (result.code !== 0) console.log(result.output.slice(-4000));
    tallies.push(result.code === 0 ? done : failure(`the build of ${what}`));
  }
  return tallies;
}

async function everything(): Promise<Tally[]> {
  const stopBuild = new AbortController();
  const build = startBuilds(AbortSignal.any([signal, stopBuild.signal]));
  try {
    const first = [await checks(), await tests(['unit'])];
    if (signal.aborted) return first;
    // The compiler would disturb what the others measure, so they wait for it.
    return [...first, ...(await waitForBuilds(build)), await tests(['it']), await tests(['e2e'])];
  } finally {
    stopBuild.abort();
    await build;
  }
}

async function quick(): Promise<Tally[]> {
  const first = await tests(['unit', 'it']);
  return signal.aborted ? [first] : [first, await tests(['e2e'], { exclude: '**/*.slow.e2e.test.ts' })];
}

function block(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

try {
  const tally = addTallies(all ? await everything() : await quick());
  const skipIsFailure = process.env['FAIRWAY_REQUIRE'] === 'all' && tally.skipped > 0;
  block(
    'Failed',
    tally.failures.map((one) => one.replace(`${root}/`, '')),
  );
  block('Skipped, for want of', readSkips(skipsFile));
  if (skipIsFailure) console.log('\nFAIRWAY_REQUIRE=all: a skipped test is a failure.');
  if (signal.aborted) console.log(`\nStopped by ${signal.reason}: not everything ran.`);
  console.log(`\n${closingLine(tally)}`);
  process.exitCode = tally.failed > 0 || tally.passed === 0 || skipIsFailure || signal.aborted ? 1 : 0;
} finally {
  rmSync(work, { recursive: true, force: true });
}
