import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { trackedFiles, type TidyFile } from './tidy-files.ts';
import { noImportCircles, noRoomCircles, noUpwardImports, smallRooms, testSupportInTesting } from './tidy-imports.ts';
import {
  knownEntriesOnly,
  namedFilesExist,
  reasonsForPackages,
  sameFourFiles,
  shortReadmes,
  smallFiles,
  speakingNames,
  type TidyRule,
} from './tidy-layout.ts';
import { contractsAreRun, testsAreFound, tidyLines } from './tidy-text.ts';

/**
 * Rules about the tree that neither the compiler nor the linter knows (after TigerBeetle's tidy test). The one unit test
 * that reads files: the tree is its input.
 */
const files = trackedFiles(path.resolve(import.meta.dirname, '../..'));
const rules = {
  knownEntriesOnly,
  smallFiles,
  speakingNames,
  sameFourFiles,
  shortReadmes,
  reasonsForPackages,
  namedFilesExist,
  tidyLines,
  contractsAreRun,
  testsAreFound,
  noImportCircles,
  noRoomCircles,
  noUpwardImports,
  smallRooms,
  testSupportInTesting,
};

/** The guard of calls to a cloud stands ready before the first driver of provisioner/capacity/ uses it. */
const known = /^provisioner\/capacity\/call-outside\.ts: only tests/;

test.each(Object.entries(rules))('the tree obeys %s', (_name, rule) => {
  expect(files.length).toBeGreaterThan(5);
  expect(rule(files).filter((breach) => !known.test(breach))).toEqual([]);
});

const at = (name: string, text = ''): TidyFile => ({ name, text });
const lines = (count: number): string => 'x\n'.repeat(count);
const processOf = (folder: string, ...names: string[]): TidyFile[] =>
  [...names, 'service'].map((name) => at(`${folder}/${name}.ts`));
const manifest = at('package.json', '{"dependencies":{"hono":"1"}}');

describe('each rule sees a planted breach', () => {
  test.each<[breach: string, problem: string, rule: TidyRule, ...planted: TidyFile[]]>([
    ['an unknown top-level entry', 'notes: not in the layout', knownEntriesOnly, at('notes/a.md')],
    ['an unknown folder in shared', 'shared/lib: not in the layout', knownEntriesOnly, at('shared/lib/a.ts')],
    ['an unknown room', 'router/balance: not in the layout', knownEntriesOnly, at('router/balance/a.ts')],
    ['a fifth file', 'router/state.ts: not in the layout', knownEntriesOnly, at('router/state.ts')],
    ['a long file', 'a.ts: 301 lines', smallFiles, at('a.ts', lines(301))],
    ['a long test', 'a.test.ts: 401 lines', smallFiles, at('a.test.ts', lines(401))],
    ['a barrel', 'router/index.ts', speakingNames, at('router/index.ts')],
    ['a drawer', 'router/utils/a.ts', speakingNames, at('router/utils/a.ts')],
    ['a manager', 'router/slot-manager.ts', speakingNames, at('router/slot-manager.ts')],
    ['a camel-case name', 'kebab-case', speakingNames, at('router/slotPool.ts')],
    ['a process without app.ts', 'no app.ts', sameFourFiles, ...processOf('router', 'main', 'config')],
    [
      'a long main.ts',
      '16 lines',
      sameFourFiles,
      ...processOf('router', 'config', 'app'),
      at('router/main.ts', lines(16)),
    ],
    ['a folder without README.md', 'router: has no README.md', shortReadmes, at('router/service.ts')],
    ['a long README.md', '81 lines', shortReadmes, at('router/README.md', lines(81))],
    ['a package without a reason', 'hono is named', reasonsForPackages, manifest, at('README.md', '`hono`')],
    [
      'a circle of types',
      'b.ts → a.ts → b.ts: a circle',
      noImportCircles,
      at('a.ts', "import {\n  type B,\n} from './b.ts';\n"),
      at('b.ts', "export type { A } from './a.ts';\n"),
    ],
    [
      'a circle through an alias',
      'shared/b.ts → router/a.ts → shared/b.ts: a circle',
      noImportCircles,
      at('router/a.ts', "const b = await import('#shared/b.ts');\n"),
      at('shared/b.ts', "import '../router/a.ts';\n"),
    ],
    [
      'rooms in a circle',
      'router/scan → router/pick → router/scan: rooms in a circle',
      noRoomCircles,
      at('router/pick/a.ts', "import { b } from '../scan/b.ts';\n"),
      at('router/pick/c.ts', ''),
      at('router/scan/b.ts', ''),
      at('router/scan/d.ts', "import type { C } from '../pick/c.ts';\n"),
    ],
    [
      'a room that imports from its root',
      'router/pick/a.ts: imports router/config.ts',
      noUpwardImports,
      at('router/pick/a.ts', "import type { RouterConfig } from '../config.ts';\n"),
      at('router/config.ts'),
    ],
    [
      'a crowded room',
      'router/pick: 21 sources',
      smallRooms,
      ...Array.from({ length: 21 }, (_, index) => at(`router/pick/a${index}.ts`)),
      at('router/pick/a1.test.ts'),
    ],
    [
      'test support among the product',
      'router/pick/a.ts: only tests use it',
      testSupportInTesting,
      at('router/pick/a.ts'),
      at('router/pick/a.test.ts', "import { a } from './a.ts';\n"),
    ],
    [
      'a test that nobody runs',
      'docs/a.test.ts: no project',
      testsAreFound,
      at('.config/vitest.config.ts', "const everywhere = ['api', 'k8s'];\n"),
      at('docs/a.test.ts'),
      at('api/a.test.ts'),
    ],
    ['a page that names what is gone', 'names scan/b.ts', namedFilesExist, at('router/README.md', '`scan/b.ts`')],
    ['a suite that nobody runs', 'no test runs this suite', contractsAreRun, at('a.contract.ts'), at('b.test.ts')],
  ])('%s: %s', (...[, problem, rule, ...planted]) => {
    expect(rule(planted)).toEqual([expect.stringContaining(problem)]);
  });

  test.each([
    ['a.ts', '// TODO: later'],
    ['a.md', 'see /home/somebody/fairway'],
    // In two pieces: this file, too, names no such address.
    ['a.sh', `npm --registry https://registry.${'npmjs'}.org`],
    ['a.ts', '// oxlint-disable-next-line max-lines'],
    ['a.ts', '// @ts-ignore'],
    ['a.ts', '// @ts-expect-error'],
    ['a.ts', 'const a = b as unknown as C;'],
    ['setup/a.mjs', 'process.exit(1);'],
    ['router/a.ts', 'setInterval(tick, 5);'],
    ['a.test.ts', "test.only('a', () => {});"],
    ['router/a.ts', "console.log('a');"],
    ['a.it.test.ts', 'afterAll(() => server[Symbol.asyncDispose]());'],
    ['a.test.ts', "import { createServer } from 'node:http';"],
    ['a.ts', 'export class NotStored extends Error {'],
    ['a.ts', 'class NotFound extends AppError {'],
    ['a.ts', '  private readonly slots: Slot[] = [];'],
    ['a.ts', '  private async release(slot: Slot): Promise<void> {'],
    ['a.ts', 'const LONGEST_WAIT_MS = 5;'],
    ['setup/a.mjs', 'export const RULES = [];'],
  ])('in %s: %s', (name, line) => {
    expect(tidyLines([at(name, `first\n${line}\n`)])).toEqual([expect.stringContaining(`${name}:2: `)]);
  });

  test.each([
    ['a.ts', '// oxlint-disable-next-line max-lines -- a table'],
    ['a.it.test.ts', "import { createServer } from 'node:http';"],
    ['api/cli/a.ts', "console.log('a');"],
    ['a.ts', "await kube.get('/apis/work/v1');"],
    ['a.ts', 'export class NotStoredError extends Error {'],
    ['a.ts', '  private constructor(name: string) {'],
    ['a.ts', ' * private networks are refused: they …'],
    ['a.ts', 'const endpointSchema = z.object({});'],
    ['a.ts', "import { setInterval } from 'node:timers/promises';"],
  ])('in %s this is allowed: %s', (name, line) => {
    expect(tidyLines([at(name, line)])).toEqual([]);
  });
});
