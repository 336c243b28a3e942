import type { Socket } from 'node:net';

const begin = Buffer.from('HTTP/1.1 100');
const blankLine = Buffer.from('\r\n\r\n');
/** Longest `100 Continue` that is taken out; what is longer is left to undici, which closes the connection. */
const headBytesMax = 16 * 1024;

/**
 * Takes `100 Continue` out of what a server sends before its answer. A client that did not ask for one must be able to read
 * it, and may pass it over (RFC 9110 §15.2); undici takes it for the end of the connection.
 */
export class ContinueFilter {
  #awaits = false;
  #held = Buffer.alloc(0);

  /** What is read from the socket comes through here. */
  attach(socket: Socket): void {
    const read = socket.read.bind(socket) as (bytes?: number) => Buffer | null;
    socket.read = (bytes) => {
      // Node's streams themselves ask for none, to have more read, also while what is there waits for who has paused.
      if (bytes === 0) return read(0);
      for (;;) {
        const chunk = read();
        if (chunk === null) return null;
        const rest = this.#awaits ? this.#pass(chunk) : chunk;
        if (rest.length > 0) return rest;
      }
    };
  }

  /** A request goes out: the next bytes are a head. */
  expectHead(): void {
    this.#awaits = true;
  }

  #pass(chunk: Buffer): Buffer {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    while (isBegin(bytes)) {
      const end = bytes.indexOf(blankLine);
      if (end < 0 && bytes.length < headBytesMax) {
        this.#held = Buffer.from(bytes);
        return this.#held.subarray(0, 0);
      }
      if (end < 0) break;
      bytes = bytes.subarray(end + blankLine.length);
    }
    this.#awaits = bytes.length === 0;
    return bytes;
  }
}

/** As far as it has come. */
function isBegin(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, begin.length);
  return length > 0 && bytes.subarray(0, length).equals(begin.subarray(0, length));
}
