import { execFile, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { treeMemory, type ProcessMemory } from './tree-memory.ts';

const run = promisify(execFile);

/** The checkout that this file belongs to. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** One run of `npm run dev -- --smoke`: when each line came, seconds since the command was entered. */
export interface TimedRun {
  seconds: number;
  lines: { at: number; text: string }[];
}

/** What a stack writes with `--json`, as far as it is measured here. */
const reportSchema = z.object({
  control: z.object({ url: z.string(), token: z.string() }),
  inference: z.object({ url: z.string(), token: z.string(), model: z.string(), endpointId: z.string() }),
  cluster: z.object({ kubeconfig: z.string() }),
  processes: z.array(z.object({ name: z.string(), pid: z.int() })),
  replicas: z.array(z.object({ url: z.string() })),
});
export type StackReport = z.infer<typeof reportSchema>;

/** A stack that serves until it is disposed. */
export interface ServingStack extends AsyncDisposable {
  report: StackReport;
  memory(): Promise<ProcessMemory[]>;
}

/** A fresh clone with caches of its own, as a newcomer has it. */
export class Clone {
  readonly #checkout: string;
  readonly #caches: string;

  private constructor(folder: string) {
    this.#checkout = join(folder, 'fairway');
    this.#caches = join(folder, 'caches');
  }

  static async of(source: string, folder: string): Promise<Clone> {
    const clone = new Clone(folder);
    await run('git', ['clone', '--quiet', source, clone.#checkout]);
    return clone;
  }

  /** Empties every cache: the next run is a newcomer's first. */
  async forget(): Promise<void> {
    for (const gone of [this.#caches, join(this.#checkout, 'node_modules')])
      await rm(gone, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The standard output of a command in the clone. */
  async output(command: string, args: readonly string[]): Promise<string> {
    const options = { cwd: this.#checkout, env: this.#env(), maxBuffer: 64 * 1024 * 1024 };
    return (await run(command, [...args], options)).stdout;
  }

  /** From the command to the first streamed token. @throws with all output when the run fails. */
  async smoke(): Promise<TimedRun> {
    const startedAt = performance.now();
    const child = spawn('npm', ['run', 'dev', '--', '--smoke', '--port', '0'], {
      cwd: this.#checkout,
      env: this.#env(),
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
    if (code !== 0) throw new Error(`npm run dev: exit code ${code}\n${lines.map(({ text }) => text).join('\n')}`);
    const first = lines.find(({ text }) => text.includes('first token after'));
    return { seconds: first?.at ?? Number.NaN, lines };
  }

  /** Starts a stack that goes on serving. @throws with its last output when it ends, or has no first token after four minutes. */
  async serve(...flags: string[]): Promise<ServingStack> {
    const json = join(this.#checkout, '.fairway-report.json');
    await rm(json, { force: true });
    const child = spawn('npm', ['run', 'dev', '--', '--port', '0', '--json', json, ...flags], {
      cwd: this.#checkout,
      env: this.#env(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000)));
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      await ended;
    };
    for (let look = 0; look < 2400 && child.exitCode === null; look += 1) {
      const text = await readFile(json, 'utf8').catch(() => undefined);
      if (text !== undefined)
        return {
          report: reportSchema.parse(JSON.parse(text)),
          memory: () => treeMemory(child.pid ?? 0),
          [Symbol.asyncDispose]: stop,
        };
      await delay(100);
    }
    if (child.exitCode === null) await stop();
    throw new Error(`npm run dev in ${this.#checkout}: no first token after four minutes\n${output}`);
  }

  /** A newcomer's own Node starts everything, and nothing is cached but what this clone has cached. */
  #env(): NodeJS.ProcessEnv {
    const env = {
      ...process.env,
      PATH: usersPath(),
      FAIRWAY_CACHE: join(this.#caches, 'fairway'),
      npm_config_cache: join(this.#caches, 'npm'),
      PIP_NO_CACHE_DIR: '1',
    };
    for (const name of ['FAIRWAY_NATS_SERVER', 'FAIRWAY_REDIS_SERVER', 'NODE_COMPILE_CACHE'])
      Reflect.deleteProperty(env, name);
    return env;
  }
}

/** What the user's PATH was before set-up put Node 24 in front of it. */
function usersPath(): string {
  const ours = new Set([dirname(process.execPath), join(root, 'node_modules', '.bin')]);
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((entry) => !ours.has(entry))
    .join(delimiter);
}
