import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { trackedFiles, type TidyFile } from './tidy-files.ts';
import {
  knownEntriesOnly,
  reasonsForPackages,
  sameFourFiles,
  shortReadmes,
  smallFiles,
  speakingNames,
  type TidyRule,
} from './tidy-layout.ts';
import { contractsAreRun, tidyLines } from './tidy-text.ts';

/**
 * Rules about the tree that neither the compiler nor the linter knows (after TigerBeetle's tidy test). The one unit test
 * that reads files: the tree is its input.
 */
const files = trackedFiles(path.resolve(import.meta.dirname, '../..'));
const RULES = {
  knownEntriesOnly,
  smallFiles,
  speakingNames,
  sameFourFiles,
  shortReadmes,
  reasonsForPackages,
  tidyLines,
  contractsAreRun,
};

test.each(Object.entries(RULES))('the tree obeys %s', (_name, rule) => {
  expect(files.length).toBeGreaterThan(5);
  expect(rule(files)).toEqual([]);
});

const at = (name: string, text = ''): TidyFile => ({ name, text });
const lines = (count: number): string => 'x\n'.repeat(count);
const processOf = (folder: string, ...names: string[]): TidyFile[] =>
  [...names, 'service'].map((name) => at(`${folder}/${name}.ts`));
const manifest = at('package.json', '{"dependencies":{"hono":"1"}}');

describe('each rule sees a planted breach', () => {
  test.each<[breach: string, problem: string, rule: TidyRule, ...planted: TidyFile[]]>([
    ['an unknown top-level entry', 'docs: not in the layout', knownEntriesOnly, at('docs/a.md')],
    ['an unknown folder in shared', 'shared/lib: not in the layout', knownEntriesOnly, at('shared/lib/a.ts')],
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
    ['a.test.ts', "import { createServer } from 'node:http';"],
  ])('in %s: %s', (name, line) => {
    expect(tidyLines([at(name, `first\n${line}\n`)])).toEqual([expect.stringContaining(`${name}:2: `)]);
  });

  test.each([
    ['a.ts', '// oxlint-disable-next-line max-lines -- a table'],
    ['a.it.test.ts', "import { createServer } from 'node:http';"],
    ['api/cli/a.ts', "console.log('a');"],
    ['a.ts', "await kube.get('/apis/work/v1');"],
    ['a.ts', "import { setInterval } from 'node:timers/promises';"],
  ])('in %s this is allowed: %s', (name, line) => {
    expect(tidyLines([at(name, line)])).toEqual([]);
  });
});
