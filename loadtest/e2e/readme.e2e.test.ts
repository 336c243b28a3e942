import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportLines } from '#loadtest/stack/welcome.ts';
import { runCommand } from '#shared/testing/run-command.ts';
import { skipUnless } from '#shared/testing/skips.ts';
import { trackedFiles } from '#shared/testing/tidy-files.ts';
import { findClient } from '../../api/testing/clients/client-builds.ts';
import { fencedBlocks, runnableScript, type FencedBlock } from './fenced-blocks.ts';
import { startTestStack, testModel } from './test-stack.ts';

/**
 * What a reader of a README.md can paste, works. Blocks fenced as `sh` are one shell session per file, run at the root of
 * the checkout; blocks fenced as `ts` are a module each. Everything else (`text`, `json`, `yaml`) is not run. A file whose
 * blocks name one of the variables below gets a stack with one active endpoint, and the variables that `npm run dev` prints.
 * The page of doctl is run where doctl is.
 */
const root = path.resolve(import.meta.dirname, '../..');
const variables = /\bFAIRWAY_(CONTROL_URL|API_TOKEN|NATS_URL|INFERENCE_URL|TOKEN|MODEL|ENDPOINT_ID)\b/g;

const readmes = trackedFiles(root)
  .filter((file) => file.name.endsWith('README.md'))
  .map((file) => ({ name: file.name, blocks: fencedBlocks(file.text) }))
  .filter((file) => file.blocks.some((block) => ['sh', 'ts'].includes(block.language)));

// Its own page: `node api/testing/clients/build.ts` builds doctl.
const doctl = await findClient('doctl');
if (doctl !== undefined) process.env['PATH'] = `${path.dirname(doctl)}:${process.env['PATH']}`;
const withDoctl = skipUnless(doctl, {
  what: 'doctl, which docs/doctl.md is run with',
  how: 'npm test -- --all, with Go',
});
const page = { name: 'docs/doctl.md', blocks: fencedBlocks(readFileSync(path.join(root, 'docs/doctl.md'), 'utf8')) };
const pages = [...readmes.map((readme) => ({ ...readme, unless: {} })), { ...page, unless: withDoctl }];

test('the first README shows a command to run', () => {
  expect(readmes.map((readme) => readme.name)).toContain('README.md');
});

describe.each(pages)('$name', ({ blocks, unless }) => {
  test('its blocks run', { timeout: 240_000, ...unless }, async () => {
    const used = blocks.flatMap((block) => block.code.match(variables) ?? []);
    if (used.length === 0) return await runBlocks(blocks, {});
    await using fairway = await startTestStack({ regionals: 1, provisioners: 1 });
    const { dedicated_inference: endpoint, token } = await fairway.create('readme', 1);
    await fairway.untilActive(endpoint.id, 1);
    const demo = { endpointId: endpoint.id, token: token.value ?? '', model: testModel };
    const printed = exportLines(fairway.stack, demo).map((line) => /^export (\w+)='(.*)'$/.exec(line) ?? []);
    const env = Object.fromEntries(printed.map(([, name = '', value = '']) => [name, value]));
    expect(Object.keys(env)).toEqual(expect.arrayContaining(used));
    await runBlocks(blocks, env);
  });
});

async function runBlocks(blocks: readonly FencedBlock[], env: Record<string, string>): Promise<void> {
  const script = await runCommand(['/bin/sh', '-c', runnableScript(blocks)], { cwd: root, env });
  expect(script.code, script.output).toBe(0);
  for (const block of blocks.filter(({ language }) => language === 'ts')) await runModule(block, env);
}

/** Inside the checkout, so that imports of packages and of `#shared/…` mean what they mean to a reader. */
async function runModule(block: FencedBlock, env: Record<string, string>): Promise<void> {
  mkdirSync(path.join(root, '.fairway'), { recursive: true });
  const folder = mkdtempSync(path.join(root, '.fairway', 'readme-'));
  try {
    const file = path.join(folder, 'block.ts');
    writeFileSync(file, block.code);
    const result = await runCommand([process.execPath, file], { cwd: root, env });
    expect(result.code, `line ${block.line}:\n${result.output}`).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
