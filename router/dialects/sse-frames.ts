import { parseJson } from '#shared/runtime/parse-json.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;
const blankLine = Buffer.from('\n\n');
/** First byte of a UTF-8 byte order mark, and its length. */
const [markByte, markBytes] = [0xef, 3];

/** Thrown when an event is longer than the bound: no engine sends that. */
export class FrameTooLongError extends Error {
  override name = 'FrameTooLongError';
}

/** Where the stream stands: inside of a line, at the begin of one (behind `\n`, behind `\r`), behind a blank line's `\r`. */
type Place = 'inside' | 'begin' | 'begin-cr' | 'blank-cr';

/** What the next byte of a line's begin does: where it leads, whether it belongs there, and whether the event is over. */
interface Step {
  readonly to: Place;
  readonly takes: 0 | 1;
  readonly over: boolean;
}

const inside: Step = { to: 'inside', takes: 0, over: false };
const over: Step = { to: 'inside', takes: 1, over: true };
/** By the next byte: `\n`, `\r`, any other. The `\n` of a `\r\n` belongs to its line, if it comes; who sends `\r` alone sends none. */
const steps: Readonly<Record<Exclude<Place, 'inside'>, { lf: Step; cr: Step; other: Step }>> = {
  begin: { lf: over, cr: { to: 'blank-cr', takes: 1, over: false }, other: inside },
  'begin-cr': { lf: { to: 'begin', takes: 1, over: false }, cr: over, other: inside },
  'blank-cr': { lf: over, cr: { ...over, takes: 0 }, other: { ...over, takes: 0 } },
};

/**
 * Cuts a stream of server-sent events into events, wherever the chunks are cut: a blank line ends one, and `\n`, `\r\n` or
 * `\r` ends a line. An event inside one chunk is a view of it; only one that spans chunks is copied.
 */
export class SseFrames {
  readonly #lengthMax: number;
  #pieces: Buffer[] = [];
  #held = 0;
  #place: Place = 'inside';

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** Calls `take` for each event that ends in the chunk, blank line included. @throws FrameTooLongError */
  push(chunk: Buffer, take: (frame: Buffer) => void): void {
    const ends = new LineEnds(chunk);
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      const byte = chunk[at];
      if (this.#place === 'inside') {
        const found = ends.from(at);
        if (found >= chunk.length) break;
        this.#place = chunk[found] === newline ? 'begin' : 'begin-cr';
        at = found + 1;
        continue;
      }
      const next = steps[this.#place];
      const step = byte === newline ? next.lf : byte === carriageReturn ? next.cr : next.other;
      this.#place = step.to;
      at += step.takes;
      if (!step.over) continue;
      take(this.#whole(start === 0 && at === chunk.length ? chunk : chunk.subarray(start, at)));
      start = at;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  /** The stream is over: what has begun counts as an event, with the blank line that it lacks. */
  end(take: (frame: Buffer) => void): void {
    if (this.#held > 0) take(this.#whole(blankLine));
    this.#place = 'inside';
  }

  #whole(end: Buffer): Buffer {
    if (this.#held === 0) return end;
    const frame = Buffer.concat([...this.#pieces, end]);
    this.#pieces = [];
    this.#held = 0;
    return frame;
  }

  #hold(piece: Buffer): void {
    this.#held += piece.length;
    if (this.#held > this.#lengthMax) throw new FrameTooLongError(`an event is longer than ${this.#lengthMax} bytes`);
    this.#pieces.push(piece);
  }
}

/** The line ends of some bytes, from the first on; each byte is looked at once. */
class LineEnds {
  readonly #bytes: Buffer;
  #lf = -1;
  #cr = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next one at or behind a place that is never before the last; the length when there is none. */
  from(at: number): number {
    if (this.#lf < at) this.#lf = this.#find(newline, at);
    if (this.#cr < at) this.#cr = this.#find(carriageReturn, at);
    return Math.min(this.#lf, this.#cr);
  }

  #find(byte: number, at: number): number {
    const found = this.#bytes.indexOf(byte, at);
    return found < 0 ? this.#bytes.length : found;
  }
}

/** The data of an event: its lines of one field (`data:`), joined as the format says; undefined when it has none. */
export function dataOf(frame: Buffer, field: Buffer): Buffer | undefined {
  const ends = new LineEnds(frame);
  let found: Buffer | undefined;
  let at = frame[0] === markByte ? markBytes : 0;
  while (at < frame.length) {
    const end = ends.from(at);
    if (startsWith(frame, at, field)) {
      const start = at + field.length + (frame[at + field.length] === 0x20 ? 1 : 0);
      const line = frame.subarray(start, Math.max(start, end));
      found = found === undefined ? line : Buffer.concat([found, blankLine.subarray(1), line]);
    }
    at = end + 1;
  }
  return found;
}

/** The word that many streams end with, whatever blanks stand around it. */
export function isDone(data: Buffer): boolean {
  return data.length < 64 && /^\s*\[DONE\]/.test(data.toString('latin1'));
}

/** An event that its stream's end has cut off counts if its data is whole: JSON, or the last word. */
export function isWhole(frame: Buffer, field: Buffer): boolean {
  const data = dataOf(frame, field);
  return data !== undefined && (isDone(data) || parseJson(data.toString()) !== undefined);
}

/** Whether these bytes stand at that place. */
export function startsWith(frame: Buffer, at: number, field: Buffer): boolean {
  for (let i = 0; i < field.length; i += 1) if (frame[at + i] !== field[i]) return false;
  return true;
}
