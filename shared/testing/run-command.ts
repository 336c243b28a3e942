import { spawn } from 'node:child_process';

/** How a command ended. */
export interface CommandResult {
  /** Exit status; null when it was killed or could not start. */
  code: number | null;
  /** Its stdout and stderr, in order; empty when they were shown as they came. */
  output: string;
  durationMs: number;
}

/** Runs a command, as the head of its own process group, to its end. A status other than 0 is a result, not an error. */
export function runCommand(
  command: readonly string[],
  options: {
    cwd: string;
    env?: Record<string, string | undefined>;
    /** Shows the output as it comes instead of keeping it. */
    show?: boolean;
    /** Sends SIGTERM to the command and to what it started. */
    signal?: AbortSignal;
  },
): Promise<CommandResult> {
  const [file = '', ...args] = command;
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<CommandResult>();
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: ['ignore', options.show ? 'inherit' : 'pipe', options.show ? 'inherit' : 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer | string): void => void (output += chunk.toString());
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const stop = (): void => endGroup(child.pid);
  options.signal?.addEventListener('abort', stop, { once: true });
  const end = (code: number | null): void => {
    options.signal?.removeEventListener('abort', stop);
    resolve({ code, output, durationMs: performance.now() - started });
  };
  child.once('error', (error) => {
    keep(error.message);
    end(null);
  });
  child.once('close', end);
  if (options.signal?.aborted) stop();
  return promise;
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGTERM');
  } catch {
    // It has ended in this moment.
  }
}

/** Aborts when this process is asked to stop (SIGINT, SIGTERM, SIGHUP); the process then ends by itself. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort(signal));
  return stop.signal;
}
