import { flushCompileCache } from 'node:module';
import { environment } from './environment.ts';
import { createLogger, type Logger } from './log.ts';

/** What a running process offers: where it listens (if it does) and its orderly end. */
export interface Service extends AsyncDisposable {
  url?: string;
}

/** What a composition root gets from the process it runs in. */
export interface ServiceContext {
  log: Logger;
  /** Aborts when the process is asked to stop. */
  signal: AbortSignal;
}

/**
 * Runs one process: starts the service, says `service.started` with its url, waits for SIGTERM or SIGINT, disposes it
 * and lets the process end by itself. A second signal, or a dispose longer than FAIRWAY_STOP_TIMEOUT_MS (default
 * 630,000: the drain time and a little), ends it hard. With FAIRWAY_EXIT_ON_STDIN_END=1 it also stops when its
 * standard input ends, so that a supervisor that is killed leaves no orphan.
 */
export async function runService(name: string, start: (context: ServiceContext) => Promise<Service>): Promise<void> {
  const env = environment();
  const log = createLogger(name, { level: env['FAIRWAY_LOG_LEVEL'] ?? 'info' });
  const stop = new AbortController();
  const stopTimeoutMs = Number(env['FAIRWAY_STOP_TIMEOUT_MS'] ?? 630_000);
  listenForStop(stop, env['FAIRWAY_EXIT_ON_STDIN_END'] === '1', log);
  try {
    await using service = await start({ log, signal: stop.signal });
    log.info({ url: service.url }, 'service.started');
    // Compiled sources (if NODE_COMPILE_CACHE is set) are kept even when this process is killed later.
    flushCompileCache();
    if (!stop.signal.aborted)
      await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
    log.info({ reason: String(stop.signal.reason) }, 'service.stopping');
    startWatchdog(stopTimeoutMs, log);
  } catch (error) {
    if (!stop.signal.aborted) process.exitCode = 1;
    const shown = error instanceof Error && error.name === 'ConfigError' ? { reason: error.message } : { err: error };
    log.fatal(shown, 'service.failed');
  }
  log.info('service.stopped');
  if (env['FAIRWAY_EXIT_ON_STDIN_END'] === '1') process.stdin.destroy();
}

function listenForStop(stop: AbortController, onStdinEnd: boolean, log: Logger): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) endHard('second signal', log);
      stop.abort(signal);
    });
  }
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'service.unhandled_rejection');
    process.exitCode = 1;
    stop.abort('unhandled rejection');
  });
  if (!onStdinEnd) return;
  process.stdin.resume();
  process.stdin.once('end', () => stop.abort('standard input ended'));
  process.stdin.once('error', () => stop.abort('standard input failed'));
}

function startWatchdog(afterMs: number, log: Logger): void {
  setTimeout(() => endHard(`not stopped after ${afterMs} ms`, log), afterMs).unref();
}

/** SIGKILL to oneself: an orderly end has been tried, and whatever hangs may not keep a dead process alive. */
function endHard(reason: string, log: Logger): void {
  log.fatal({ reason }, 'service.killed');
  process.kill(process.pid, 'SIGKILL');
}
