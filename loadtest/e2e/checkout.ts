import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand, type CommandResult } from '#shared/testing/run-command.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The target that set-up starts in these tests: says what it was given, and waits for a signal when asked to. */
const target = `
const { FAIRWAY_NATS_SERVER: nats, FAIRWAY_REDIS_SERVER: redis } = process.env;
const args: string[] = process.argv.slice(2);
if (args[0] === 'exit') process.exitCode = Number(args[1]);
if (args[0] === 'wait') {
  const timer = setTimeout(() => {}, 60_000);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
    process.on(signal, () => { console.log(signal); clearTimeout(timer); process.exitCode = 7; });
}
// Last: who reads it may send a signal at once.
console.log(JSON.stringify({ pid: process.pid, node: process.version, args, nats, redis }));
`;

const servers = new Set(['nats-server', 'valkey-server', 'redis-server']);

export type Env = Record<string, string | undefined>;

/** What the target says of itself on stdout. */
export interface TargetReport {
  pid: number;
  node: string;
  args: string[];
  nats?: string;
  redis?: string;
}

/** A folder that looks like a fresh clone, as far as set-up goes, with a cache of its own. */
export class Checkout implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'fairway setup '));
  readonly folder = path.join(this.#folder, 'a clone');
  readonly cache = path.join(this.#folder, 'cache');
  /** Programs that these tests put before everything else on the PATH. */
  readonly bin = path.join(this.#folder, 'bin');

  readonly #path: string;

  /**
   * `none`: a project without packages, so that npm is not called, and a PATH with Node alone; `one`: a single small
   * package, and another one for tests; `all`: those of Fairway; both with everything on the PATH but the servers.
   */
  constructor(packages: 'none' | 'one' | 'all') {
    mkdirSync(this.bin);
    mkdirSync(this.folder);
    for (const entry of ['setup.mjs', 'setup', '.npmrc'])
      cpSync(path.join(root, entry), path.join(this.folder, entry), { recursive: true });
    writeFileSync(path.join(this.folder, 'target.ts'), target);
    this.#writeManifest(packages);
    this.#path = packages === 'none' ? this.bin : [this.bin, ...this.#foldersWithoutServers()].join(path.delimiter);
    if (packages !== 'none') return;
    this.useNode(process.execPath);
    this.#write('node_modules/.package-lock.json', { packages: {} });
  }

  /** The folders of the PATH; those with a server in them as a copy, of links, without it. */
  #foldersWithoutServers(): string[] {
    const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => existsSync(folder));
    return folders.map((folder, index) => {
      const names = readdirSync(folder);
      if (!names.some((name) => servers.has(name))) return folder;
      const copy = path.join(this.#folder, `path-${index}`);
      mkdirSync(copy);
      const kept = names.filter((name) => !servers.has(name));
      for (const name of kept) symlinkSync(path.join(folder, name), path.join(copy, name));
      return copy;
    });
  }

  #writeManifest(packages: 'none' | 'one' | 'all'): void {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Env;
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    const ulid = lock.packages['node_modules/ulid'];
    const zod = lock.packages['node_modules/zod'];
    if (ulid === undefined || zod === undefined)
      throw new Error('package-lock.json has no ulid or zod, which these tests install');
    const one = { dependencies: { ulid: ulid.version }, devDependencies: { zod: zod.version } };
    const wanted = { none: {}, one, all: { dependencies, devDependencies } }[packages];
    const start = 'exec node setup.mjs --no-servers target.ts';
    const project = { name: 'fairway', version: '0.1.0', private: true, type: 'module', scripts: { start }, ...wanted };
    const small = {
      '': project,
      ...(packages === 'one' && { 'node_modules/ulid': ulid, 'node_modules/zod': { ...zod, dev: true } }),
    };
    this.#write('package.json', project);
    this.#write(
      'package-lock.json',
      packages === 'all' ? lock : { name: 'fairway', lockfileVersion: 3, packages: small },
    );
  }

  #write(name: string, content: object): void {
    mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
    writeFileSync(path.join(this.folder, name), JSON.stringify(content));
  }

  /** The environment of a user who started nothing through npm yet. */
  env(extra: Env = {}): Env {
    const inherited = Object.keys(process.env).filter((name) =>
      /^(npm_|FAIRWAY_|NATS_|REDIS_|VALKEY_|PIP_FIND_LINKS$|NODE_COMPILE_CACHE$)/.test(name),
    );
    const without = Object.fromEntries(inherited.map((name) => [name, undefined]));
    return {
      ...without,
      FAIRWAY_CACHE: this.cache,
      PATH: this.#path,
      ...extra,
    };
  }

  /** Runs a command here to its end. */
  run(command: readonly string[], extra: Env = {}): Promise<CommandResult> {
    return runCommand(command, { cwd: this.folder, env: this.env(extra) });
  }

  /** Makes `node` on the PATH this program. */
  useNode(file: string): void {
    symlinkSync(file, path.join(this.bin, 'node'));
  }

  /** Starts `node setup.mjs …args` and leaves it running; stdout and stderr come together in `output()`. */
  start(args: readonly string[], extra: Env = {}): { child: ChildProcess; output: () => string } {
    const child = spawn(process.execPath, ['setup.mjs', ...args], {
      cwd: this.folder,
      env: { ...process.env, ...this.env(extra) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    return { child, output: () => output };
  }

  /** A program on the PATH that says `line` and does nothing else. */
  addProgram(name: string, line: string): string {
    const file = path.join(this.bin, name);
    writeFileSync(file, `#!/bin/sh\necho '${line}'\n`);
    chmodSync(file, 0o755);
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What the target said, out of the output of a run. @throws when it did not start. */
export function targetReport(output: string): TargetReport {
  const line = output.split('\n').find((one) => one.startsWith('{"pid"'));
  if (line === undefined) throw new Error(`The target did not start:\n${output}`);
  return JSON.parse(line) as TargetReport;
}

/** Is there a process of this id? (On Linux a zombie is none.) */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
