import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort } from '../runtime/http/free-port.ts';
import { eventually } from './eventually.ts';
import { killChild, pauseProcess } from './process-signals.ts';

/** Starts a server on a free port; on another one when somebody took that port first. @throws the third failure. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3 || !/address (is )?already in use/i.test(String(error))) throw error;
    }
  }
}

/**
 * The path of a server binary: the variable that set-up leaves, else the first of `names` on PATH.
 * @throws naming the variable and the command that gets it.
 */
export function findBinary(variable: string, names: readonly string[]): string {
  const given = process.env[variable];
  if (given !== undefined && given !== '') return given;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter))
    for (const name of names) {
      const path = join(folder, name);
      if (existsSync(path) && isExecutable(path)) return path;
    }
  throw new Error(
    `${names.join(' or ')} was not found: run the tests with "npm test", which gets it, or set ${variable}.`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A server process of a test; ended by pid. */
export interface ChildServer extends AsyncDisposable {
  url: string;
  pid: number;
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Stops it, and waits until it does not answer any more. */
  pause(): Promise<void>;
  resume(): void;
}

/** How to start one server. `ready` throws until it answers. */
export interface ChildServerOptions {
  url: string;
  command: string;
  args: string[];
  ready: () => Promise<void>;
  cleanup: () => Promise<void>;
}

/** Starts a server process and waits until it is ready. @throws with what it printed when it ends before. */
export async function startChildServer(options: ChildServerOptions): Promise<ChildServer> {
  let child = await launch(options).catch(async (error: unknown) => {
    await options.cleanup();
    throw error;
  });
  return {
    url: options.url,
    get pid() {
      return child.pid ?? 0;
    },
    kill: () => killChild(child),
    restart: async () => {
      await killChild(child);
      child = await launch(options);
    },
    pause: () => pauseProcess(child.pid ?? 0),
    resume: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await killChild(child);
      await options.cleanup();
    },
  };
}

async function launch(options: ChildServerOptions): Promise<ChildProcess> {
  const child = spawn(options.command, options.args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4000);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.on('error', (error) => hear(Buffer.from(String(error))));
  // Not at its exit: the last words, which say that a port is taken, may come after it.
  let closed = false;
  child.on('close', () => (closed = true));
  try {
    await eventually(async () => {
      if (!closed) await options.ready();
    });
  } catch (error) {
    await killChild(child);
    throw new Error(`${options.command} was not ready: ${said}`, { cause: error });
  }
  if (closed) throw new Error(`${options.command} ended at once: ${said}`);
  return child;
}
