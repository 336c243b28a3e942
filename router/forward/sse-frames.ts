const newline = 0x0a;
const carriageReturn = 0x0d;

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

  /** Bytes of an event that has begun and not ended. */
  get pending(): number {
    return this.#held;
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
