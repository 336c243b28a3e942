import { pause, type Clock } from '#shared/runtime/clock.ts';
import { startProcess, type ProcessSpec, type RunningProcess } from './child-process.ts';

/** What a supervisor tells: a process is ready, it died and comes back, it could not be started again. */
export interface SupervisorEvents {
  ready(name: string, tookMs: number): void;
  died(name: string, reason: string, againInMs: number): void;
  restarted(name: string): void;
  stuck(name: string, reason: string): void;
}

/** Keeps a set of processes running. */
export interface Supervisor extends AsyncDisposable {
  /** Starts a process; afterwards it is started again whenever it ends. @throws when it cannot be started at all. */
  run(spec: ProcessSpec): Promise<void>;
  list(): { name: string; pid: number }[];
}

const backoff = { firstMs: 100, maxMs: 5000, calmMs: 10_000 };

/** Starts processes, restarts what dies with back-off (100 ms to 5 s; calm again after 10 s), stops them newest first. */
export function createSupervisor(clock: Clock, events: SupervisorEvents): Supervisor {
  const stop = new AbortController();
  const running = new Map<string, RunningProcess>();
  const watchers: Promise<void>[] = [];

  const watch = async (spec: ProcessSpec, first: RunningProcess): Promise<void> => {
    let current = first;
    let waitMs = backoff.firstMs;
    while (!stop.signal.aborted) {
      const since = clock.monotonic();
      const { reason } = await current.ended;
      running.delete(spec.name);
      if (stop.signal.aborted) return;
      waitMs = clock.monotonic() - since > backoff.calmMs ? backoff.firstMs : Math.min(backoff.maxMs, waitMs * 2);
      events.died(spec.name, reason, waitMs);
      const next = await startAgain(spec, waitMs);
      if (next === undefined) return;
      current = next;
    }
  };
  const startAgain = async (spec: ProcessSpec, firstWaitMs: number): Promise<RunningProcess | undefined> => {
    for (let waitMs = firstWaitMs; !stop.signal.aborted; waitMs = Math.min(backoff.maxMs, waitMs * 2)) {
      await pause(clock, waitMs, stop.signal);
      if (stop.signal.aborted) return undefined;
      try {
        const next = await startProcess(spec, stop.signal);
        running.set(spec.name, next);
        if (stop.signal.aborted) await next.stop();
        events.restarted(spec.name);
        return next;
      } catch (error) {
        if (stop.signal.aborted) return undefined;
        events.stuck(spec.name, error instanceof Error ? error.message : String(error));
      }
    }
    return undefined;
  };
  return {
    async run(spec) {
      const startedAt = clock.monotonic();
      stop.signal.throwIfAborted();
      const process = await startProcess(spec, stop.signal);
      running.set(spec.name, process);
      events.ready(spec.name, clock.monotonic() - startedAt);
      if (stop.signal.aborted) return process.stop();
      watchers.push(watch(spec, process));
    },
    list: () => [...running.values()].map(({ name, pid }) => ({ name, pid })),
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const process of [...running.values()].toReversed()) await process.stop();
      await Promise.all(watchers);
    },
  };
}
