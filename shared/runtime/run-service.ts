import { flushCompileCache } from 'node:module';
import { ConfigError } from './config-error.ts';
import { environment } from './environment.ts';
import { createLogger, logLevels, type Logger } from './log.ts';

/** What a running process offers: where it listens (if it does) and its orderly end. */
export interface Service extends AsyncDisposable {
  url?: string;
  /** Begins anew without an end; SIGHUP then asks for this, and not for the end. */
  renew?(): void;
}

/** What a composition root gets from the process it runs in. */
export interface ServiceContext {
  log: Logger;
  /** Aborts when the process is asked to stop. */
  signal: AbortSignal;
}

interface Settings {
  level: string;
  stopTimeoutMs: number;
  endsWithStdin: boolean;
}

/** How a process that a person has started by hand differs. */
export interface ServiceManners {
  /** Least level of what is logged where FAIRWAY_LOG_LEVEL does not say (default: info). */
  readonly level?: (typeof logLevels)[number];
  /** Tells of a problem that its user can put right, in place of the log. */
  readonly sayProblem?: (text: string) => void;
  /** Another process started it and passes on what it is to know: it ends by SIGTERM alone, whatever a terminal sends to all. */
  readonly isWorker?: boolean;
}

/** Repeats of a stop signal within this time are one request: a terminal and a supervisor may both send one. */
const repeatMs = 500;

/** Time for the last line to leave before the hard end: lines are written by another thread. */
const lastWordsMs = 100;

/** A process that still lives this long after `service.stopped` says what holds it. */
const lingerMs = 5000;

/**
 * Runs one process: starts the service, says `service.started` with its url, waits for SIGTERM, SIGINT or SIGHUP, disposes
 * it and lets the process end by itself (exit code 0). Another signal, or an end that takes longer than
 * FAIRWAY_STOP_TIMEOUT_MS (default 630,000: the drain time and a little), ends it hard. With
 * FAIRWAY_EXIT_ON_STDIN_END=1 it also stops when its standard input ends, so that a supervisor that is killed leaves no
 * orphan. A failed start or stop and an error that nobody caught give exit code 1; the latter stops in order, since
 * requests in flight may still end well.
 */
export async function runService(
  name: string,
  start: (context: ServiceContext) => Promise<Service>,
  manners: ServiceManners = {},
): Promise<void> {
  const settings = readSettings(name, manners);
  if (settings === undefined) return;
  const log = createLogger(name, { level: settings.level });
  const stop = new AbortController();
  const running: { service?: Service } = {};
  listenForStop(stop, { ...settings, ...manners, running }, log);
  try {
    await serve(async (context) => (running.service = await start(context)), { log, signal: stop.signal });
    log.info('service.stopped');
  } catch (error) {
    process.exitCode = 1;
    tellFailure(error, log, manners);
  }
  if (settings.endsWithStdin) process.stdin.destroy();
  setTimeout(() => log.warn({ holding: process.getActiveResourcesInfo() }, 'service.lingers'), lingerMs).unref();
}

/** Undefined when the variables that every process knows do not fit; that has been logged then. */
function readSettings(name: string, manners: ServiceManners): Settings | undefined {
  const env = environment();
  const level = env['FAIRWAY_LOG_LEVEL'] || (manners.level ?? 'info');
  const stopTimeoutMs = Number(env['FAIRWAY_STOP_TIMEOUT_MS'] || 630_000);
  const problems = [
    logLevels.some((known) => known === level) ? '' : `FAIRWAY_LOG_LEVEL must be one of ${logLevels.join(', ')}.`,
    stopTimeoutMs > 0 && stopTimeoutMs < 2 ** 31
      ? ''
      : 'FAIRWAY_STOP_TIMEOUT_MS must be milliseconds, 1 to 2147483647.',
  ].filter((problem) => problem !== '');
  if (problems.length === 0) return { level, stopTimeoutMs, endsWithStdin: env['FAIRWAY_EXIT_ON_STDIN_END'] === '1' };
  process.exitCode = 1;
  tellFailure(new ConfigError(problems.join(' ')), createLogger(name), manners);
  return undefined;
}

/** From start to orderly end. A start that ends because the process is asked to stop is no failure. */
async function serve(start: (context: ServiceContext) => Promise<Service>, context: ServiceContext): Promise<void> {
  const { log, signal } = context;
  const started = await start(context).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    log.info({ reason: stopReason(signal), err: error }, 'service.start_stopped');
    return undefined;
  });
  if (started === undefined) return;
  await using service = started;
  log.info({ url: service.url }, 'service.started');
  // Compiled sources (if NODE_COMPILE_CACHE is set) are kept even when this process is killed later.
  flushCompileCache();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  log.info({ reason: stopReason(signal) }, 'service.stopping');
}

function listenForStop(
  stop: AbortController,
  settings: Settings & Pick<ServiceManners, 'isWorker'> & { running: { service?: Service } },
  log: Logger,
): void {
  const ask = (reason: string): void => {
    if (stop.signal.aborted) return;
    const { stopTimeoutMs } = settings;
    setTimeout(() => endHard(`not stopped after ${stopTimeoutMs} ms`, log), stopTimeoutMs).unref();
    stop.abort(new Error(reason));
  };
  let firstSignalAt: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (settings.isWorker === true && signal !== 'SIGTERM') return;
      const { service } = settings.running;
      if (signal === 'SIGHUP' && service?.renew !== undefined && !stop.signal.aborted) return service.renew();
      const now = performance.now();
      firstSignalAt ??= now;
      if (now - firstSignalAt > repeatMs) endHard('asked to stop again', log);
      ask(signal);
    });
  }
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (error: unknown) => {
      process.exitCode = 1;
      log.fatal({ err: error, event }, 'service.uncaught');
      ask(event);
    });
  }
  if (!settings.endsWithStdin) return;
  process.stdin.resume();
  process.stdin.once('end', () => ask('standard input ended'));
  process.stdin.once('error', () => ask('standard input failed'));
}

function stopReason(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : String(signal.reason);
}

function tellFailure(error: unknown, log: Logger, { sayProblem }: ServiceManners): void {
  const problem = error instanceof Error && error.name.endsWith('ConfigError') ? error.message : undefined;
  if (problem !== undefined && sayProblem !== undefined) return sayProblem(problem);
  log.fatal(problem === undefined ? { err: error } : { reason: problem }, 'service.failed');
}

/** SIGKILL to oneself: an orderly end has been tried, and whatever hangs may not keep a dead process alive. */
function endHard(reason: string, log: Logger): void {
  log.fatal({ reason }, 'service.killed');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), lastWordsMs);
}
