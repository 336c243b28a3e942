import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/contract/errors.ts';

/** Most bytes of names and values of a request's headers; OpenAI asks its clients to stay below 64 KiB. */
const headerBytesMax = 32 * 1024;
/** Up to this size Node reads headers, so that what is too large is refused in the words of the caller's API. */
export const readHeaderBytesMax = 2 * headerBytesMax;

/**
 * Looks at the headers of a request. An offer to go on with another protocol is nothing to answer (RFC 9110 §7.8), but who
 * asks for a WebSocket cannot do without, and falls back to HTTP at 426.
 * @throws AppError `header_too_large`, `websocket_not_served`
 */
export function assertHead({ rawHeaders, headers }: Pick<IncomingMessage, 'rawHeaders' | 'headers'>): void {
  const bytes = rawHeaders.reduce((sum, text) => sum + text.length, 0);
  if (bytes > headerBytesMax)
    throw new AppError('header_too_large', {
      message: `The headers have ${bytes} bytes. Send ${headerBytesMax} at most.`,
    });
  if (headers.upgrade?.toLowerCase() === 'websocket') throw new AppError('websocket_not_served');
}
