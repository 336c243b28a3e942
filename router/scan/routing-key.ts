/** The longest routing key (32 letters) with every letter as a \u escape. */
const MAX_RAW_BYTES = 6 * 32;

/** Collects one key of the top-level object, in pieces, as far as it can be one that matters. */
export class RoutingKey {
  private readonly bytes = Buffer.alloc(MAX_RAW_BYTES);
  private length = 0;

  clear(): void {
    this.length = 0;
  }

  append(chunk: Uint8Array, from: number, to: number): void {
    const size = Math.min(to - from, MAX_RAW_BYTES - this.length);
    if (size > 0) this.bytes.set(chunk.subarray(from, from + size), this.length);
    this.length += to - from;
  }

  /** The key as an engine reads it, and whether it was spelled with escapes; undefined if too long to matter. */
  read(): { name: string; escaped: boolean } | undefined {
    if (this.length > MAX_RAW_BYTES) return undefined;
    const raw = this.bytes.toString('utf8', 0, this.length);
    if (!raw.includes('\\')) return { name: raw, escaped: false };
    try {
      return { name: String(JSON.parse(`"${raw}"`)), escaped: true };
    } catch {
      return undefined;
    }
  }
}
