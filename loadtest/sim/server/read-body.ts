import type { IncomingMessage, ServerResponse } from 'node:http';
import { objectError } from '../model/vllm-errors.ts';

/** How long the rest of a body that is too large is still read and thrown away, so that the client sees the answer. */
const discardMs = 5000;

/**
 * The body as text; undefined when it is longer than `maxBytes` (the rest is discarded for a bounded time).
 * Rejects when the client goes away before the end.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= maxBytes) return void pieces.push(piece);
      pieces.length = 0;
      if (bytes - piece.length <= maxBytes) {
        const patience = setTimeout(() => request.destroy(), discardMs);
        request.once('close', () => clearTimeout(patience));
      }
      resolve(undefined);
    });
    request.on('end', () => {
      resolve(Buffer.concat(pieces).toString('utf8'));
      // The request lives as long as its answer; its bytes need not.
      pieces.length = 0;
    });
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete) reject(new Error('The client went away before its body was complete.'));
    });
  });
}

/** The same, refusing a body that is too long. @throws VllmError */
export async function bodyText(request: IncomingMessage, response: ServerResponse, maxBytes: number): Promise<string> {
  const text = await readBody(request, maxBytes);
  if (text !== undefined) return text;
  response.setHeader('connection', 'close');
  const message = `The body is longer than ${maxBytes} bytes. Send a shorter prompt.`;
  throw objectError({ status: 413, message, type: 'BadRequestError' });
}
