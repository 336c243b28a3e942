import type { ByteRange } from './scanned-body.ts';

/** What to cut out of a list so that some of its elements go and the commas between the others stay right. */
export class ListCuts {
  readonly ranges: ByteRange[] = [];
  #anyKept = false;
  #lastEnd = 0;

  /** The list's next element stays. */
  keep({ start, end }: ByteRange): void {
    const [leading] = this.ranges;
    if (!this.#anyKept && leading !== undefined) this.ranges[0] = { start: leading.start, end: start };
    this.#anyKept = true;
    this.#lastEnd = end;
  }

  /** The list's next element goes: with the comma before it, or with the one after it while none has stayed. */
  cut({ start, end }: ByteRange): void {
    if (this.#anyKept) this.ranges.push({ start: this.#lastEnd, end });
    else this.ranges[0] = { start: this.ranges[0]?.start ?? start, end };
    this.#lastEnd = end;
  }
}
