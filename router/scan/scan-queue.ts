import { FairLine } from '../admit/fair-line.ts';
import { onceInNextTurn, type NextTurn } from '../admit/next-turn.ts';
import type { BodyRules } from './body-rules.ts';
import type { ScannedBody, ScanProblem } from './scanned-body.ts';
import type { Scanner } from './scanner.ts';

/** Most bytes that are scanned in one turn of the event loop: 0.1 to 0.4 ms (`testing/cpu/scanner.bench.ts`). */
const turnBytesMax = 128 * 1024;

/** A body under way: pieces are only added, and the last one may grow. */
interface Growing {
  readonly endpointId: string;
  readonly pieces: readonly Uint8Array[];
}

/**
 * Scans bodies apart from reading them, all of a process in turns: no turn of the event loop scans more than its share of
 * bytes, however much the sockets brought in it. Endpoints take turns, and a long body lets the others go first after each.
 */
export class ScanQueue {
  readonly #volatileKeys: readonly string[];
  readonly #turnBytes: number;
  readonly #schedule: () => void;
  readonly #waiting = new FairLine<QueuedScan>();

  /** `volatileKeys`: members that do not count, beside those of an API's rules. */
  constructor(
    volatileKeys: readonly string[] = [],
    { nextTurn = setImmediate, turnBytes = turnBytesMax }: { nextTurn?: NextTurn; turnBytes?: number } = {},
  ) {
    this.#volatileKeys = volatileKeys;
    this.#schedule = onceInNextTurn(nextTurn, () => this.#turn());
    this.#turnBytes = turnBytes;
  }

  /** Bodies whose next bytes wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** An API's rules, as they are here. */
  rules(of: BodyRules): BodyRules {
    return { ...of, volatileKeys: [...of.volatileKeys, ...this.#volatileKeys] };
  }

  /** Scans what `body` holds and will hold. */
  open(scanner: Scanner, body: Growing): QueuedScan {
    const scan: QueuedScan = new QueuedScan(scanner, body, {
      wake: () => this.#wake(scan),
      leave: () => this.#waiting.delete(body.endpointId, scan),
    });
    return scan;
  }

  #wake(scan: QueuedScan): void {
    this.#waiting.add(scan.endpointId, scan);
    this.#schedule();
  }

  #turn(): void {
    let left = this.#turnBytes;
    while (left > 0) {
      const scan = this.#waiting.next();
      if (scan === undefined) return;
      left -= scan.step(left);
      if (scan.isBehind) this.#waiting.add(scan.endpointId, scan);
    }
    if (this.#waiting.size > 0) this.#schedule();
  }
}

/** The scan of one body. */
export class QueuedScan implements Disposable {
  readonly #scanner: Scanner;
  readonly #body: Growing;
  readonly #queue: { readonly wake: () => void; readonly leave: () => void };
  readonly #result = Promise.withResolvers<ScannedBody | ScanProblem>();
  /** The piece and the byte in it that come next. */
  #piece = 0;
  #offset = 0;
  #isWhole = false;
  #isOver = false;

  constructor(scanner: Scanner, body: Growing, queue: { wake: () => void; leave: () => void }) {
    this.#scanner = scanner;
    this.#body = body;
    this.#queue = queue;
    this.#result.promise.catch(() => {});
  }

  get endpointId(): string {
    return this.#body.endpointId;
  }

  /** The problem found so far. */
  get problem(): ScanProblem | undefined {
    return this.#scanner.problem;
  }

  /** Bytes of the body wait to be scanned. */
  get isBehind(): boolean {
    const { pieces } = this.#body;
    if (this.#isOver) return false;
    return this.#piece < pieces.length - 1 || this.#offset < (pieces[this.#piece]?.length ?? 0);
  }

  /** The body has grown. */
  grown(): void {
    this.#queue.wake();
  }

  /** The body is whole. @throws what the scanner throws */
  end(): Promise<ScannedBody | ScanProblem> {
    this.#isWhole = true;
    this.#queue.wake();
    return this.#result.promise;
  }

  /** Scans at most so many bytes; says how many. */
  step(bytesMax: number): number {
    let left = bytesMax;
    try {
      while (left > 0 && this.isBehind) left -= this.#scan(left);
      if (this.#isWhole && !this.isBehind) this.#result.resolve(this.#scanner.end());
    } catch (error) {
      this.#isOver = true;
      this.#result.reject(error);
    }
    return bytesMax - left;
  }

  [Symbol.dispose](): void {
    this.#queue.leave();
  }

  #scan(bytesMax: number): number {
    const { pieces } = this.#body;
    const piece = pieces[this.#piece]?.subarray(this.#offset, this.#offset + bytesMax) ?? Buffer.alloc(0);
    this.#scanner.write(piece);
    this.#offset += piece.length;
    if (this.#offset === pieces[this.#piece]?.length && this.#piece < pieces.length - 1) {
      this.#piece += 1;
      this.#offset = 0;
    }
    return piece.length;
  }
}
