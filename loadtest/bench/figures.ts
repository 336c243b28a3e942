import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { treeMemory, type ProcessMemory } from './tree-memory.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** One run of `npm run dev -- --smoke` in a clone: when each line came, seconds since the command was entered. */
interface TimedRun {
  name: string;
  seconds: number;
  lines: { at: number; text: string }[];
}

/**
 * Measures what a newcomer waits for, in a fresh clone: cold (every cache empty), then warm three times; and the memory of
 * the whole stack while it serves. Writes loadtest/report/first-token.md. Usage: node setup.mjs loadtest/bench/figures.ts
 */
async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-figures-'));
  try {
    const clone = join(folder, 'fairway');
    await run('git', ['clone', '--quiet', root, clone]);
    const env = {
      ...process.env,
      PATH: usersPath(),
      FAIRWAY_CACHE: join(folder, 'cache'),
      npm_config_cache: join(folder, 'npm'),
      PIP_NO_CACHE_DIR: '1',
    };
    for (const name of ['FAIRWAY_NATS_SERVER', 'FAIRWAY_REDIS_SERVER', 'NODE_COMPILE_CACHE'])
      Reflect.deleteProperty(env, name);
    const cold = await smoke('cold caches', clone, env);
    const warm: TimedRun[] = [];
    for (let turn = 1; turn <= 3; turn += 1) warm.push(await smoke(`warm caches, run ${turn}`, clone, env));
    const memory = await memoryOfStack(clone, env, join(folder, 'report.json'));
    const { stdout: node } = await run('node', ['--version'], { env });
    const text = render(node.trim(), [cold, ...warm], memory);
    await writeFile(join(root, 'loadtest/report/first-token.md'), text);
    process.stdout.write(text);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the user's PATH was before set-up put Node 24 in front of it: a newcomer's own Node starts everything. */
function usersPath(): string {
  const ours = new Set([dirname(process.execPath), join(root, 'node_modules', '.bin')]);
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((entry) => !ours.has(entry))
    .join(delimiter);
}

async function smoke(name: string, clone: string, env: NodeJS.ProcessEnv): Promise<TimedRun> {
  const startedAt = performance.now();
  const child = spawn('npm', ['run', 'dev', '--', '--smoke', '--port', '0'], {
    cwd: clone,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: TimedRun['lines'] = [];
  let rest = '';
  const hear = (chunk: Buffer): void => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const text of parts.filter((part) => part.trim() !== ''))
      lines.push({ at: (performance.now() - startedAt) / 1000, text });
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`${name}: exit code ${code}\n${lines.map(({ text }) => text).join('\n')}`);
  const first = lines.find(({ text }) => text.includes('first token after'));
  return { name, seconds: first?.at ?? Number.NaN, lines };
}

async function memoryOfStack(clone: string, env: NodeJS.ProcessEnv, json: string): Promise<ProcessMemory[]> {
  const child = spawn('npm', ['run', 'dev', '--', '--port', '0', '--json', json], { cwd: clone, env, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    for (let look = 0; look < 600; look += 1) {
      const there = await readFile(json, 'utf8').catch(() => undefined);
      if (there !== undefined) break;
      await delay(100);
    }
    // Figures of processes that have just started are not those of processes that serve.
    await delay(10_000);
    return await treeMemory(child.pid ?? 0);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

function render(node: string, runs: TimedRun[], memory: ProcessMemory[]): string {
  const total = memory.reduce((sum, each) => sum + each.pssBytes, 0);
  const mebi = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
  return [
    '# From a fresh clone to the first streamed token',
    '',
    'Repeat: `node setup.mjs loadtest/bench/figures.ts` (writes this file).',
    '',
    `Machine: ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${mebi(totalmem())} of memory, shared with other work. Node of the user: ${node}.`,
    '',
    '| run | seconds from the command to the first token |',
    '|---|---|',
    ...runs.map(({ name, seconds }) => `| ${name} | ${seconds.toFixed(1)} |`),
    '',
    ...runs
      .slice(0, 2)
      .flatMap(({ name, lines }) => [
        `Where the time goes, ${name}:`,
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
