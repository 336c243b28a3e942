import type { IncomingMessage } from 'node:http';
import type { Intake, Source } from '../admit/intake.ts';

/** A piece below this length is a crumb: it costs its microsecond, however short it is. */
const crumbBytesMax = 64;
/** A body is read in slices from so many crumbs in a row on. */
const crumbsMax = 64;
/** How much of such a body goes to Node's parser at a time: chunks of one byte take six, so 170 of them, or 0.2 ms. */
const sliceBytes = 1024;

/**
 * The flow of one body as the intake allows. Node's parser calls back for each chunk, and cannot be stopped inside of what a
 * socket brought at a time, 64 KiB or ten thousand chunks of one byte. So a body in crumbs is read from its socket in slices,
 * and each waits for its turn as a whole read does.
 */
export class BodyFlow implements Source, Disposable {
  readonly owner: string;
  readonly #incoming: IncomingMessage;
  readonly #intake: Intake;
  #crumbs = 0;
  #isSliced = false;

  constructor(incoming: IncomingMessage, intake: Intake, owner: string) {
    this.owner = owner;
    this.#incoming = incoming;
    this.#intake = intake;
  }

  /** A piece of it came. */
  saw({ length }: Buffer): void {
    if (this.#isSliced) return;
    this.#crumbs = length < crumbBytesMax ? this.#crumbs + 1 : 0;
    if (this.#crumbs < crumbsMax) return this.#intake.took(this, length);
    this.#isSliced = true;
    // Node's server takes a socket's bytes where `read` is called from here on.
    this.#incoming.socket.on('readable', this.#onReadable);
  }

  pause(): void {
    this.#incoming.pause();
  }

  resume(): void {
    if (this.#isSliced) this.#readSlice();
    else this.#incoming.resume();
  }

  [Symbol.dispose](): void {
    this.#intake.leave(this);
    if (this.#isSliced) this.#incoming.socket.off('readable', this.#onReadable);
  }

  readonly #onReadable = (): void => this.#intake.wait(this);

  #readSlice(): void {
    const { socket, complete } = this.#incoming;
    // What follows a body that is whole is another request.
    if (complete) return;
    const isMore = socket.readableLength > sliceBytes;
    // Null reads all that is there, and is told of what comes then.
    socket.read(isMore ? sliceBytes : undefined);
    if (isMore) this.#intake.wait(this);
  }
}
