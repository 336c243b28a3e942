import { systemClock } from '#shared/runtime/clock.ts';

/**
 * Looks again and again until `look` returns without throwing, and gives its value.
 * @throws the last error of `look`, with the time that was waited, when the time is over.
 */
export async function eventually<T>(
  look: () => Promise<T> | T,
  options: {
    timeoutMs?: number;
    /** The pause between looks. */
    everyMs?: number;
  } = {},
): Promise<T> {
  // Long enough for a busy machine: it is waited out only by what never comes.
  const timeoutMs = options.timeoutMs ?? 30_000;
  const startedAt = systemClock.monotonic();
  for (;;) {
    try {
      return await look();
    } catch (error) {
      const waitedMs = Math.round(systemClock.monotonic() - startedAt);
      if (waitedMs < timeoutMs) await systemClock.sleep(options.everyMs ?? 25);
      else
        throw new Error(`not so after ${waitedMs} ms: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
    }
  }
}
