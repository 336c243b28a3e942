const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;

/** Eight bytes are looked at together: what they are is hard to guess, and a processor that guesses wrong waits. */
const stride = 8;

/** Finds where the texts inside of some JSON end. */
export class JsonText {
  readonly chunk: Uint8Array;
  readonly #view: DataView;

  constructor(chunk: Uint8Array) {
    // Parts of a Buffer are Buffers, which take longer to make.
    this.chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  /** The first byte at or after `from`, which is inside of a text, that ends it or that no text has; else the chunk's end. */
  endFrom(from: number): number {
    const { chunk } = this;
    let at = from;
    while (at < chunk.length) {
      at = this.#find(at);
      if (chunk[at] !== quote || !this.isEscaped(at, from)) return at;
      at += 1;
    }
    return at;
  }

  /** Whether the byte at `at` is, in a text of which all from `from` on is known. */
  isEscaped(at: number, from: number): boolean {
    const { chunk } = this;
    let run = at;
    while (run > from && chunk[run - 1] === backslash) run -= 1;
    return (at - run) % 2 === 1;
  }

  /** The first quote or control character. */
  #find(from: number): number {
    const { chunk } = this;
    const view = this.#view;
    let at = from;
    for (const last = chunk.length - stride; at <= last; at += stride) {
      const first = endsIn(view.getInt32(at, true));
      const second = endsIn(view.getInt32(at + 4, true));
      if (first !== 0) return at + lowestByte(first);
      if (second !== 0) return at + 4 + lowestByte(second);
    }
    while (at < chunk.length && chunk[at] !== quote && (chunk[at] ?? 0) >= space) at += 1;
    return at;
  }
}

/**
 * Not 0 if one of four bytes is a quote or a control character; then the lowest bit that is set is the highest one of the
 * first such byte. A quote and a space change places first, so that one comparison finds both (`hasless` of S. E. Anderson's
 * "Bit Twiddling Hacks").
 */
function endsIn(word: number): number {
  const exchanged = word ^ 0x02020202;
  return (exchanged - 0x21212121) & ~exchanged & 0x80808080;
}

/** Number of the byte that has the lowest bit that is set. */
function lowestByte(word: number): number {
  return 3 - (Math.clz32(word & -word) >>> 3);
}
