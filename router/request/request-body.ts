import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import type { BodyRoom } from '../admit/body-room.ts';
import type { Intake } from '../admit/intake.ts';
import type { Splice } from '../dialects/dialect.ts';
import type { ByteRange } from '../scan/scanned-body.ts';
import { BodyFlow } from './body-flow.ts';

/** Pieces below this length are copied together: a piece of one byte costs 220 bytes of memory as a Buffer. */
const copiedBytesMax = 16 * 1024;
/** Room for copied pieces is made in steps of at least and at most so many bytes, growing with the body. */
const [roomBytesMin, roomBytesMax] = [1024, 64 * 1024];

const nothing = Buffer.alloc(0);
/** Out here it holds nothing of a request: its body's scanner would stay in memory until the answer has ended. */
const ignore = (): void => {};

/** A request body in pieces; the memory that they take is booked until it is disposed. */
export class RequestBody implements Disposable {
  readonly #memory: BodyRoom;
  #endpointId = '';
  #pieces: Buffer[] = [];
  #bytes = 0;
  #booked = 0;
  /** Booked for bytes that are still to come. */
  #reserved = 0;
  /** Where small pieces are copied to, and how much of it is used; the last piece is its used part, once they are asked for. */
  #room: Buffer | undefined;
  #used = 0;

  /** `memory`: all that the process holds of bodies, shared out between endpoints. */
  constructor(memory: BodyRoom) {
    this.#memory = memory;
  }

  get pieces(): readonly Buffer[] {
    const last = this.#pieces.length - 1;
    if (this.#room !== undefined && this.#pieces[last]?.length !== this.#used)
      this.#pieces[last] = this.#room.subarray(0, this.#used);
    return this.#pieces;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get endpointId(): string {
    return this.#endpointId;
  }

  /** Whose share of the memory it takes. */
  belongTo(endpointId: string): void {
    this.#endpointId = endpointId;
  }

  /** Waits in line for room for a whole body. False when there is none in time; rejects as the signal does. */
  async reserve(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#memory.reserve(this.#endpointId, bytes, signal))) return false;
    this.#booked += bytes;
    this.#reserved += bytes;
    return true;
  }

  /** False when there is no room for the piece. */
  add(piece: Buffer): boolean {
    const rest = this.#fill(piece);
    if (rest.length > 0 && !this.#extend(rest)) return false;
    this.#bytes += piece.length;
    return true;
  }

  /** Forgets the pieces: no attempt needs them any more. Safe to call twice. */
  [Symbol.dispose](): void {
    const booked = this.#booked;
    this.#pieces = [];
    this.#room = undefined;
    this.#bytes = 0;
    this.#booked = 0;
    this.#reserved = 0;
    if (booked > 0) this.#memory.giveBack(this.#endpointId, booked);
  }

  #book(bytes: number): boolean {
    const more = bytes - this.#reserved;
    if (more > 0 && !this.#memory.take(this.#endpointId, more)) return false;
    this.#booked += Math.max(0, more);
    this.#reserved = Math.max(0, -more);
    return true;
  }

  /** Copies what there is room for behind the last piece, and gives the rest. */
  #fill(piece: Buffer): Buffer {
    const room = this.#room;
    const left = (room?.length ?? 0) - this.#used;
    if (room === undefined || left === 0) return piece;
    const isAll = piece.length <= left;
    room.set(isAll ? piece : piece.subarray(0, left), this.#used);
    this.#used += isAll ? piece.length : left;
    return isAll ? nothing : piece.subarray(left);
  }

  #extend(piece: Buffer): boolean {
    const isCopied = piece.length < copiedBytesMax;
    const step = Math.min(roomBytesMax, Math.max(roomBytesMin, this.#bytes), this.#reserved || roomBytesMax);
    const length = isCopied ? Math.max(piece.length, step) : piece.length;
    if (!this.#book(length)) return false;
    const { length: count } = this.pieces;
    this.#room = isCopied ? Buffer.allocUnsafeSlow(length) : undefined;
    this.#used = 0;
    this.#pieces[count] = this.#room ?? piece;
    if (isCopied) this.#fill(piece);
    return true;
  }
}

/** Thrown when the client leaves before its body is whole. */
export class BodyAbortedError extends Error {
  override name = 'BodyAbortedError';
}

/** Bounds of one body. */
export interface BodyLimits {
  readonly bytesMax: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly intake: Intake;
}

/**
 * Reads a body piece by piece into `body` and tells of each. One whose length is known is not read before there is room for
 * all of it. Node's stream is left flowing after an error, so that the answer can be read: whoever answers bounds that with
 * `discardRest`.
 * @throws AppError `request_too_large`, `overloaded`, `body_timeout`; BodyAbortedError when the client leaves; what `grown` throws.
 */
export async function readBody(
  incoming: IncomingMessage,
  limits: BodyLimits,
  into: { body: RequestBody; grown: () => void; gone: AbortSignal },
): Promise<void> {
  const length = Number(incoming.headers['content-length'] ?? 0);
  if (length > limits.bytesMax) throw tooLarge(limits.bytesMax);
  // What the socket brings meanwhile stays in the kernel.
  incoming.socket.pause();
  const placing = into.body.reserve(length, into.gone).finally(() => incoming.socket.resume());
  const isPlaced = await placing.catch((error: unknown) => {
    if (into.gone.aborted) throw leftEarly();
    throw error;
  });
  if (!isPlaced) throw noRoom();
  await takePieces(incoming, limits, into);
}

function takePieces(
  incoming: IncomingMessage,
  { bytesMax, timeoutMs, clock, intake }: BodyLimits,
  { body, grown }: { body: RequestBody; grown: () => void },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const flow = new BodyFlow(incoming, intake, body.endpointId);
    const settle = (error?: unknown): void => {
      deadline[Symbol.dispose]();
      flow[Symbol.dispose]();
      incoming.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose).on('error', ignore);
      if (error === undefined) return resolve();
      incoming.resume();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onData = (piece: Buffer): void => {
      if (body.bytes + piece.length > bytesMax) return settle(tooLarge(bytesMax));
      if (!body.add(piece)) return settle(noRoom());
      try {
        grown();
      } catch (error) {
        return settle(error);
      }
      flow.saw(piece);
    };
    const onEnd = (): void => settle();
    const onClose = (): void => settle(leftEarly());
    const deadline = new Deadline(clock, timeoutMs, () =>
      settle(new AppError('body_timeout', { message: `The body was not sent within ${timeoutMs} ms.` })),
    );
    incoming.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/**
 * After an answer to a body that was not read: keeps reading and discarding for a while, then closes the connection in
 * stages: a client that still sends would get a reset in place of the answer.
 */
export function discardRest(
  incoming: IncomingMessage,
  { clock, intake, timeoutMs }: Pick<BodyLimits, 'clock' | 'intake' | 'timeoutMs'>,
): void {
  if (incoming.complete || incoming.destroyed) return;
  const flow = new BodyFlow(incoming, intake, '');
  incoming.on('error', () => {});
  incoming.on('data', (piece: Buffer) => flow.saw(piece)).resume();
  const deadline = new Deadline(clock, timeoutMs, () => incoming.socket.destroySoon());
  const end = (): void => {
    deadline[Symbol.dispose]();
    flow[Symbol.dispose]();
  };
  incoming.once('close', end).once('end', end);
}

/** A byte order mark before the body stays here: not every engine passes over it. */
export function markSplice(pieces: readonly Buffer[]): Splice[] {
  return pieces[0]?.[0] === 0xef ? [cutOut({ start: 0, end: 3 })] : [];
}

export function cutOut({ start, end }: ByteRange): Splice {
  return { start, end, bytes: nothing };
}

/** The pieces of a body with all edits made; pieces that no edit touches are the same buffers. */
export function applySplices(pieces: readonly Uint8Array[], splices: readonly Splice[]): readonly Uint8Array[] {
  return splices
    .toSorted((a, b) => b.start - a.start)
    .reduce((body: readonly Uint8Array[], splice) => applySplice(body, splice), pieces);
}

function applySplice(pieces: readonly Uint8Array[], splice: Splice): Uint8Array[] {
  const result: Uint8Array[] = [];
  let offset = 0;
  let inserted = false;
  for (const piece of pieces) {
    const from = Math.max(0, splice.start - offset);
    const to = Math.max(0, splice.end - offset);
    if (from > 0) result.push(piece.subarray(0, from));
    if (!inserted && from < piece.length) {
      result.push(splice.bytes);
      inserted = true;
    }
    if (to < piece.length && from < piece.length) result.push(piece.subarray(to));
    offset += piece.length;
  }
  if (!inserted) result.push(splice.bytes);
  return result.filter((piece) => piece.length > 0);
}

function tooLarge(bytesMax: number): AppError {
  return new AppError('request_too_large', {
    message: `The body is longer than ${bytesMax} bytes. Send a shorter one.`,
  });
}

function leftEarly(): BodyAbortedError {
  return new BodyAbortedError('the client left before its body was whole');
}

function noRoom(): AppError {
  return new AppError('overloaded', {
    message: 'Too many request bodies are being read right now.',
    retryAfterMs: 2000,
  });
}
