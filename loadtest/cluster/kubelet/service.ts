import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { KubeletConfig } from './config.ts';

/** Placeholder of the wiring until the pod workers are in. */
export async function startKubelet(
  _config: KubeletConfig,
  _context: { log: Logger; clock: Clock },
): Promise<AsyncDisposable> {
  return { [Symbol.asyncDispose]: () => Promise.resolve() };
}
