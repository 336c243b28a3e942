import type { IncomingHttpHeaders } from 'node:http';

/**
 * How long a client wants to wait for a replica, milliseconds, at most `maxMs`: Hugging Face's `X-Scale-Up-Timeout`, in
 * seconds. Undefined where it does not say, or says what is no number.
 */
export function patienceOf(headers: IncomingHttpHeaders, maxMs: number): number | undefined {
  const text = headers['x-scale-up-timeout'];
  return typeof text === 'string' && /^\d{1,9}$/.test(text) ? Math.min(Number(text) * 1000, maxMs) : undefined;
}
