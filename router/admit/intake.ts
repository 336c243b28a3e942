import { FairLine } from './fair-line.ts';
import { onceInNextTurn, type NextTurn } from './next-turn.ts';

/** A connection that brings bytes, and can be told to wait. */
export interface Source {
  /** Whose it is: an endpoint, or a replica; empty where none is known. They take turns. */
  readonly owner: string;
  pause(): void;
  /** It goes on; some of its bytes may come at once. */
  resume(): void;
}

/** The most that one read of a socket brings (libuv). */
export const readBytesMax = 64 * 1024;
/** Who brings less at a time has no more to bring, as a rule: tokens of a stream, a short body. It never waits. */
const muchBytes = 16 * 1024;

/**
 * How much a process takes in per turn of its event loop, over all connections. A turn may find what a thousand sockets
 * have brought, and each of them may bring megabytes in it; everybody else waits for its end. So once a turn has had its
 * share, whoever brings much waits in line, and goes on in a later turn, a few in each. Who brings little is not held up.
 */
export class Intake {
  readonly #turnBytes: number;
  readonly #held: () => void;
  readonly #schedule: () => void;
  readonly #line = new FairLine<Source>();
  #left: number;

  /** `held` is called for each wait. */
  constructor(turnBytes: number, { held, nextTurn }: { held: () => void; nextTurn: NextTurn }) {
    this.#turnBytes = turnBytes;
    this.#left = turnBytes;
    this.#held = held;
    this.#schedule = onceInNextTurn(nextTurn, () => this.#turn());
  }

  /** Those that wait for one of the next turns. */
  get waiting(): number {
    return this.#line.size;
  }

  /** One read of this source has come. */
  took(source: Source, bytes: number): void {
    if (bytes < muchBytes) return;
    this.#left -= bytes;
    if (this.#left > 0) return this.#schedule();
    source.pause();
    this.wait(source);
  }

  /** Lets it go on: at once, while this turn has something left of its share. */
  goOn(source: Source): void {
    if (this.#left > 0) source.resume();
    else this.wait(source);
  }

  /** Lets it go on in one of the next turns. */
  wait(source: Source): void {
    this.#line.add(source.owner, source);
    this.#held();
    this.#schedule();
  }

  /** It has ended. */
  leave(source: Source): void {
    this.#line.delete(source.owner, source);
  }

  #turn(): void {
    this.#left = this.#turnBytes;
    for (let reads = this.#turnBytes; reads > 0; reads -= readBytesMax) this.#line.next()?.resume();
    if (this.#line.size > 0) this.#schedule();
  }
}
