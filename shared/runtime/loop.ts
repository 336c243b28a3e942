import { pause, type Clock } from './clock.ts';
import type { Logger } from './log.ts';

/** What a loop needs. `jitter` is the share of `everyMs` by which each wait varies (0.1 = ±10 %). */
export interface LoopOptions {
  name: string;
  everyMs: number;
  clock: Clock;
  log: Logger;
  jitter?: number;
  random?: () => number;
  /** Runs at once when true (the default); otherwise after the first wait. */
  immediately?: boolean;
}

/** A running loop. Disposing stops it and waits for the running turn. */
export interface Loop extends AsyncDisposable {
  /** Cuts the present wait short; during a turn it cancels the next wait, so that what the turn missed is seen. */
  wake(): void;
}

/**
 * Runs `turn` again and again, one at a time, `everyMs` after the end of the last. A turn that throws is logged
 * and does not end the loop. This is the only way to do something periodically.
 */
export function startLoop(options: LoopOptions, turn: (signal: AbortSignal) => Promise<void> | void): Loop {
  const stop = new AbortController();
  let waiting: AbortController | undefined;
  let woken = false;
  const random = options.random ?? Math.random;
  const wait = async (): Promise<void> => {
    const spread = 1 + (options.jitter ?? 0) * (2 * random() - 1);
    const own = new AbortController();
    waiting = own;
    if (woken) own.abort();
    await pause(options.clock, options.everyMs * spread, AbortSignal.any([stop.signal, own.signal]));
    waiting = undefined;
  };
  const run = async (): Promise<void> => {
    if (options.immediately === false) await wait();
    while (!stop.signal.aborted) {
      woken = false;
      try {
        await turn(stop.signal);
      } catch (error) {
        if (!stop.signal.aborted) options.log.error({ err: error, loop: options.name }, 'loop.failed');
      }
      if (!stop.signal.aborted) await wait();
    }
  };
  const running = run();
  return {
    wake: () => {
      woken = true;
      waiting?.abort();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
