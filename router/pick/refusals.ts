import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { PoolState } from './placer.ts';

/** When nothing better is known. */
export const retryAfterMs = 5000;

/** Says how far it is, and to come back when it should be ready: no earlier, and not later than clients heed. */
export function stillStarting(start: PoolDocument['starting'], now: number): AppError {
  if (start === undefined) return new AppError('endpoint_starting', { retryAfterMs });
  const leftMs = start.readyAt === undefined ? 0 : start.readyAt - now;
  const when = leftMs > 0 ? `ready in about ${Math.ceil(leftMs / 1000)} s` : 'it is not known when it will be ready';
  const message = `The endpoint is starting: phase ${start.phase}, ${when}.`;
  return new AppError('endpoint_starting', { message, retryAfterMs: leftMs > 0 ? leftMs : retryAfterMs });
}

/** Nobody is served there any more. */
export function goneError(state: PoolState): AppError {
  return state === 'deleting'
    ? new AppError('endpoint_not_active', { message: 'The endpoint is being deleted.' })
    : new AppError('model_not_found', { message: 'The model is served here no more.' });
}
