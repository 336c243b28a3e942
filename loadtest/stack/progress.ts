import type { Clock } from '#shared/runtime/clock.ts';
import type { SupervisorEvents } from './supervisor.ts';

/** What is shown while the stack starts and runs: one line per step, with the time since the start. */
export interface Progress extends SupervisorEvents {
  step(text: string): void;
  plain(text: string): void;
}

/** Writes to `out`; each line carries the seconds since `createProgress`. */
export function createProgress(clock: Clock, out: (text: string) => void): Progress {
  const startedAt = clock.monotonic();
  const step = (text: string): void =>
    out(`${((clock.monotonic() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  return {
    step,
    plain: (text) => out(`${text}\n`),
    ready: (name, tookMs) => step(`${name} is ready (${(tookMs / 1000).toFixed(1)} s)`),
    died: (name, reason, againInMs) => step(`${name} ended (${reason}); starting it again in ${againInMs} ms`),
    restarted: (name) => step(`${name} is back`),
    stuck: (name, reason) => step(`${name} does not start; trying on. ${reason}`),
  };
}
