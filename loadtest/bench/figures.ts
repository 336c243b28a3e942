import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Clone, root, type TimedRun } from './clone.ts';
import type { ProcessMemory } from './tree-memory.ts';

/**
 * Measures what a newcomer waits for, in a fresh clone: cold (every cache empty), then warm three times; and the memory of
 * the whole stack while it serves. Writes loadtest/report/first-token.md. Usage: node setup.mjs loadtest/bench/figures.ts
 */
async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-figures-'));
  try {
    const clone = await Clone.of(root, folder);
    const runs: TimedRun[] = [];
    for (let turn = 0; turn <= 3; turn += 1) runs.push(await clone.smoke());
    const memory = await memoryOfStack(clone);
    const text = render((await clone.output('node', ['--version'])).trim(), runs, memory);
    await writeFile(join(root, 'loadtest/report/first-token.md'), text);
    process.stdout.write(text);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function memoryOfStack(clone: Clone): Promise<ProcessMemory[]> {
  await using stack = await clone.serve();
  // Figures of processes that have just started are not those of processes that serve.
  await delay(10_000);
  return await stack.memory();
}

function render(node: string, runs: TimedRun[], memory: ProcessMemory[]): string {
  const total = memory.reduce((sum, each) => sum + each.pssBytes, 0);
  const mebi = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
  const nameOf = (turn: number): string => (turn === 0 ? 'cold caches' : `warm caches, run ${turn}`);
  return [
    '# From a fresh clone to the first streamed token',
    '',
    'Repeat: `node setup.mjs loadtest/bench/figures.ts` (writes this file).',
    '',
    `Machine: ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${mebi(totalmem())} of memory, shared with other work. Node of the user: ${node}.`,
    '',
    '| run | seconds from the command to the first token |',
    '|---|---|',
    ...runs.map(({ seconds }, turn) => `| ${nameOf(turn)} | ${seconds.toFixed(1)} |`),
    '',
    ...runs
      .slice(0, 2)
      .flatMap(({ lines }, turn) => [
        `Where the time goes, ${nameOf(turn)}:`,
        '',
        '```text',
        ...lines.map(({ at, text }) => `${at.toFixed(1).padStart(6)}  ${text}`),
        '```',
        '',
      ]),
    `Memory of the whole tree while it serves (proportional set size, 2 replicas): **${mebi(total)}**`,
    '',
    '| process | PSS | RSS |',
    '|---|---|---|',
    ...memory.map(({ name, pssBytes, rssBytes }) => `| ${name} | ${mebi(pssBytes)} | ${mebi(rssBytes)} |`),
    '',
  ].join('\n');
}

await main();
