import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';

/** Time that the machine has not given to this process. */
export interface StolenTime extends AsyncDisposable {
  /** Milliseconds since the watch began in which the process could have run and did not. */
  ms(): number;
}

/** Between two looks, milliseconds; a timer that is late by less than `lateMs` is as good as any. */
const everyMs = 5;
const lateMs = 2;

/**
 * Watches how much time other processes take from this one: how late its timers come, without what it computed itself.
 * A promise in milliseconds is kept or broken in what is left; on a busy machine a bound on wall time would be luck.
 */
export function watchStolenTime(): StolenTime {
  let stolen = 0;
  let lookedAt = performance.now();
  let used = process.cpuUsage();
  const look = (): void => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(used);
    stolen += Math.max(0, now - lookedAt - everyMs - lateMs - (user + system) / 1000);
    lookedAt = now;
    used = process.cpuUsage();
  };
  const loop = startLoop({ name: 'stolen time', everyMs, clock: systemClock, log: silentLogger() }, look);
  return {
    ms() {
      look();
      return stolen;
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

/** Milliseconds until something is over, well or not, without time that was stolen. */
export async function ownTimeOf(work: PromiseLike<unknown>): Promise<number> {
  await using stolen = watchStolenTime();
  const startedAt = performance.now();
  await work.then(
    () => {},
    () => {},
  );
  return performance.now() - startedAt - stolen.ms();
}
