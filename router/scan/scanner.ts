import { BodySink } from './body-sink.ts';
import { defaultScanLimits, type BodyRules, type ScanLimits } from './body-rules.ts';
import { JsonWalker } from './json-walker.ts';
import { ScanError, type ScannedBody, type ScanProblem } from './scanned-body.ts';

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Reads a request body that arrives in pieces, cut anywhere: finds the members that routing needs and hashes those that
 * become the prompt. One pass, no copy of the body, no JSON.parse of anything long. One UTF-8 byte order mark at the start
 * is passed over.
 */
export class Scanner {
  readonly #sink: BodySink;
  readonly #walker: JsonWalker;
  #bytes = 0;
  #markBytes = 0;
  #problem: ScanProblem | undefined;

  constructor(rules: BodyRules, limits: ScanLimits = defaultScanLimits) {
    this.#sink = new BodySink(rules, limits);
    this.#walker = new JsonWalker(this.#sink, limits.maxDepth);
  }

  /** The problem found so far, so that a long body can be refused early. */
  get problem(): ScanProblem | undefined {
    return this.#problem;
  }

  /** Takes the next bytes of the body; keeps no reference to them. After a problem the rest is ignored. */
  write(chunk: Uint8Array): void {
    const rest = this.#bytes < byteOrderMark.length ? this.#passMark(chunk) : chunk;
    this.#bytes += chunk.length;
    if (rest.length > 0) this.#attempt(() => this.#walker.write(rest));
  }

  /** Ends the body; nothing may be written after it. */
  end(): ScannedBody | ScanProblem {
    this.#attempt(() => this.#walker.end());
    if (this.#markBytes % byteOrderMark.length > 0) return { ok: false, code: 'invalid_json', at: 0 };
    return this.#problem ?? { ok: true, bytes: this.#bytes, ...this.#sink.result() };
  }

  #passMark(chunk: Uint8Array): Uint8Array {
    let at = 0;
    while (this.#bytes + at === this.#markBytes && at < chunk.length && chunk[at] === byteOrderMark[this.#markBytes]) {
      at += 1;
      this.#markBytes += 1;
    }
    this.#walker.skip(at);
    return at === 0 ? chunk : chunk.subarray(at);
  }

  #attempt(act: () => void): void {
    if (this.#problem !== undefined) return;
    try {
      act();
    } catch (error) {
      if (!(error instanceof ScanError)) throw error;
      const { code, at, key } = error;
      this.#problem = { ok: false, code, at, ...(key !== undefined && { key }) };
    }
  }
}
