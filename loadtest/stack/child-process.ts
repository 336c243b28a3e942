import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One process of the stack: what to run, how it says that it is ready, what it must not outlive. */
export interface ProcessSpec {
  name: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  logFile: string;
  /** Our own processes say `service.started`; foreign servers are asked by `ready`, which throws until they answer. */
  ready?: () => Promise<void>;
  startTimeoutMs: number;
  stopTimeoutMs: number;
}

/** A started process. */
export interface RunningProcess {
  name: string;
  pid: number;
  ended: Promise<{ reason: string }>;
  stop(): Promise<void>;
}

/** Bytes of one log file; what comes after is dropped. */
const logBytesMax = 64 * 1024 * 1024;

/**
 * Runs a foreign server under a small shell that ends it when our end of its standard input closes, so that it never
 * outlives us, also when we are killed outright. One line of the shell names the server's pid; the server may have printed
 * others before it. Descriptor 3 keeps the pipe, since a shell gives its background jobs no standard input.
 */
const guard =
  'exec 3<&0; "$@" </dev/null 3<&- & p=$!; echo "pid $p"; (cat <&3 >/dev/null; kill -9 "$p") 2>/dev/null & wait "$p"';

/**
 * Starts a process and waits until it is ready. @throws with the last lines it printed when it ends or is too slow; the
 * signal's reason when it aborts, with the process ended.
 */
export async function startProcess(spec: ProcessSpec, signal: AbortSignal): Promise<RunningProcess> {
  signal.throwIfAborted();
  const foreign = spec.ready !== undefined;
  const [command, args] = foreign
    ? ['/bin/sh', ['-c', guard, spec.name, spec.command, ...spec.args]]
    : [spec.command, [...spec.args]];
  const env = { ...process.env, ...spec.env, FAIRWAY_EXIT_ON_STDIN_END: '1' };
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.stdin.on('error', () => {});
  const output = new ProcessOutput(child, spec.logFile);
  const ended = watchEnd(child, output);
  const failed = ended.then(({ reason }) => {
    throw new Error(`${spec.name} ended before it was ready: ${reason}\n${output.tail()}`);
  });
  failed.catch(() => {});
  const tooSlow = AbortSignal.any([signal, AbortSignal.timeout(spec.startTimeoutMs)]);
  const slow = once(tooSlow, 'abort').then(() => {
    signal.throwIfAborted();
    throw new Error(`${spec.name} was not ready after ${spec.startTimeoutMs} ms.\n${output.tail()}`);
  });
  slow.catch(() => {});
  try {
    const pid = await Promise.race([
      foreign ? foreignReady(spec, output, tooSlow) : ownReady(child, output),
      failed,
      slow,
    ]);
    return {
      name: spec.name,
      pid,
      ended,
      stop: () => stopProcess({ child, pid, ended, stopTimeoutMs: spec.stopTimeoutMs }),
    };
  } catch (error) {
    await stopProcess({ child, pid: child.pid ?? 0, ended, stopTimeoutMs: 0 });
    throw error;
  }
}

async function ownReady(child: ChildProcess, output: ProcessOutput): Promise<number> {
  await output.line((line) => line.includes('"service.started"'));
  return child.pid ?? 0;
}

async function foreignReady(spec: ProcessSpec, output: ProcessOutput, tooSlow: AbortSignal): Promise<number> {
  const pid = Number((await output.line((line) => /^pid \d+$/.test(line))).slice('pid '.length));
  while (!tooSlow.aborted) {
    const error = await spec.ready?.().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return pid;
}

async function stopProcess(parts: {
  child: ChildProcess;
  pid: number;
  ended: Promise<unknown>;
  stopTimeoutMs: number;
}): Promise<void> {
  const { child, pid, ended, stopTimeoutMs } = parts;
  sendSignal(pid, 'SIGTERM');
  const hard = setTimeout(() => {
    sendSignal(pid, 'SIGKILL');
    child.kill('SIGKILL');
  }, stopTimeoutMs);
  await ended;
  clearTimeout(hard);
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

async function watchEnd(child: ChildProcess, output: ProcessOutput): Promise<{ reason: string }> {
  const reason = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, name) => resolve(name === null ? `exit code ${code}` : `signal ${name}`));
  });
  child.stdin?.destroy();
  await output.close();
  return { reason };
}

/** Everything a child prints: into its log file, the last lines kept, each line offered to whoever waits for one. */
class ProcessOutput {
  readonly #file: WriteStream;
  readonly #tail: string[] = [];
  #written = 0;
  #waiters: { matches: (line: string) => boolean; resolve: (line: string) => void }[] = [];

  constructor(child: ChildProcess, logFile: string) {
    this.#file = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
    this.#file.on('error', () => {});
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
  }

  line(matches: (line: string) => boolean): Promise<string> {
    return new Promise((resolve) => this.#waiters.push({ matches, resolve }));
  }

  tail(): string {
    return this.#tail.join('\n');
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#file.end(() => resolve()));
  }

  #take(line: string): void {
    this.#tail.push(line.slice(0, 2000));
    if (this.#tail.length > 12) this.#tail.shift();
    this.#written += line.length + 1;
    if (this.#written < logBytesMax) this.#file.write(`${line}\n`);
    const [met, rest] = [
      this.#waiters.filter((waiter) => waiter.matches(line)),
      this.#waiters.filter((waiter) => !waiter.matches(line)),
    ];
    this.#waiters = rest;
    for (const waiter of met) waiter.resolve(line);
  }
}
