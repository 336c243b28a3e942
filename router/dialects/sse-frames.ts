const newline = 0x0a;
const carriageReturn = 0x0d;
const blankLine = Buffer.from('\n\n');
/** First byte of a UTF-8 byte order mark, and its length. */
const [markByte, markBytes] = [0xef, 3];

/** Thrown when an event is longer than the bound: no engine sends that. */
export class FrameTooLongError extends Error {
  override name = 'FrameTooLongError';
}

/**
 * Cuts a stream of server-sent events into events, wherever the chunks are cut: `\n\n` or `\r\n\r\n` ends one. An event
 * inside one chunk is a view of it; only one that spans chunks is copied.
 */
export class SseFrames {
  readonly #lengthMax: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes of a line end that were seen last: 0 none, 1 `\n`, 2 `\n\r`. */
  #lineEnd = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** Calls `take` for each event that ends in the chunk, blank line included. @throws FrameTooLongError */
  push(chunk: Buffer, take: (frame: Buffer) => void): void {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#lineEnd === 0) {
        const found = chunk.indexOf(newline, at);
        if (found < 0) break;
        this.#lineEnd = 1;
        at = found + 1;
        continue;
      }
      const byte = chunk[at];
      if (byte === newline) {
        take(this.#whole(chunk.subarray(start, at + 1)));
        this.#lineEnd = 0;
        start = at + 1;
        at = start;
      } else if (byte === carriageReturn && this.#lineEnd === 1) {
        this.#lineEnd = 2;
        at += 1;
      } else {
        this.#lineEnd = 0;
      }
    }
    this.#hold(chunk.subarray(start));
  }

  /** The stream is over: what has begun counts as an event, with the blank line that it lacks. */
  end(take: (frame: Buffer) => void): void {
    if (this.#held > 0) take(this.#whole(blankLine));
    this.#lineEnd = 0;
  }

  #whole(end: Buffer): Buffer {
    if (this.#held === 0) return end;
    const frame = Buffer.concat([...this.#pieces, end]);
    this.#pieces = [];
    this.#held = 0;
    return frame;
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#held += piece.length;
    if (this.#held > this.#lengthMax) throw new FrameTooLongError(`an event is longer than ${this.#lengthMax} bytes`);
    this.#pieces.push(piece);
  }
}

/** The data of an event: its lines of one field (`data:`), joined as the format says; undefined when it has none. */
export function dataOf(frame: Buffer, field: Buffer): Buffer | undefined {
  let found: Buffer | undefined;
  let at = frame[0] === markByte ? markBytes : 0;
  while (at < frame.length) {
    const end = frame.indexOf(newline, at);
    const next = end < 0 ? frame.length : end;
    if (startsWith(frame, at, field)) {
      const start = at + field.length + (frame[at + field.length] === 0x20 ? 1 : 0);
      const stop = frame[next - 1] === carriageReturn ? next - 1 : next;
      const line = frame.subarray(start, Math.max(start, stop));
      found = found === undefined ? line : Buffer.concat([found, blankLine.subarray(1), line]);
    }
    at = next + 1;
  }
  return found;
}

function startsWith(frame: Buffer, at: number, field: Buffer): boolean {
  for (let i = 0; i < field.length; i += 1) if (frame[at + i] !== field[i]) return false;
  return true;
}
