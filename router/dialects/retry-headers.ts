/** Longest `Retry-After`: SDKs ignore longer ones and retry at once (openai 7.57, seconds > 60). */
const retryAfterMaxMs = 60_000;
/** Statuses that always say when to come back. */
const busyStatuses: ReadonlySet<number> = new Set([429, 503, 529]);

/**
 * Headers that tell a client whether and when to try again. `x-should-retry` and `retry-after-ms` are words of the SDKs,
 * OpenAI's and Anthropic's alike.
 */
export function retryHeaders(error: {
  readonly status: number;
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
}): Record<string, string> {
  const { status, retryable, retryAfterMs } = error;
  if (!retryable) return { 'x-should-retry': 'false' };
  if (retryAfterMs === undefined && !busyStatuses.has(status)) return { 'x-should-retry': 'true' };
  const afterMs = Math.max(1, Math.ceil(Math.min(retryAfterMaxMs, retryAfterMs ?? 1000)));
  return {
    'x-should-retry': 'true',
    'retry-after': String(Math.ceil(afterMs / 1000)),
    'retry-after-ms': String(afterMs),
  };
}
