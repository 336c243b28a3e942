import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';

/** Bounds of the step between reading a request and forwarding it. */
export interface AdmissionLimits {
  readonly inFlightMax: number;
  readonly queueMax: number;
  readonly queueBytesMax: number;
  readonly turnTimeoutMs: number;
  readonly clock: Clock;
}

/** Who wants to go on: `flow` is the unit of fairness, `bytes` what its body weighs. */
export interface AdmissionRequest {
  readonly flow: string;
  readonly bytes: number;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/**
 * Lets so many requests through at once and queues the rest, bounded in number and bytes. Flows take turns, so that one
 * with a long queue delays itself and not the others.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  /** In the order of turns: the flow that was served goes to the end. */
  readonly #flows = new Map<string, Waiter[]>();
  #inFlight = 0;
  #waiting = 0;
  #waitingBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Waits for a turn. The ticket gives the place back when it is disposed; twice is once.
   * @throws AppError `overloaded` when the queue is full or the turn does not come in time; the signal's reason.
   */
  async enter(request: AdmissionRequest): Promise<Disposable> {
    request.signal.throwIfAborted();
    if (this.#inFlight < this.#limits.inFlightMax && this.#waiting === 0) {
      this.#inFlight += 1;
      return this.#ticket();
    }
    const { queueMax, queueBytesMax } = this.#limits;
    if (this.#waiting >= queueMax || this.#waitingBytes + request.bytes > queueBytesMax)
      throw overloaded('The queue of this endpoint is full.');
    await this.#turn(request);
    return this.#ticket();
  }

  #ticket(): Disposable {
    let open = true;
    return {
      [Symbol.dispose]: () => {
        if (open) this.#giveBack();
        open = false;
      },
    };
  }

  #giveBack(): void {
    this.#inFlight -= 1;
    this.#next();
  }

  /** Resolves with a place taken; rejects with none. */
  async #turn({ flow, bytes, signal }: AdmissionRequest): Promise<void> {
    const { clock, turnTimeoutMs } = this.#limits;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter: Waiter = { bytes, admit: resolve };
    this.#queue(flow, waiter);
    await within(promise, turnTimeoutMs, { clock, signal }).catch(() => {});
    const admitted = !this.#leave(flow, waiter);
    if (admitted && !signal.aborted) return;
    if (admitted) this.#giveBack();
    signal.throwIfAborted();
    throw overloaded(`No turn came within ${turnTimeoutMs} ms.`);
  }

  #queue(flow: string, waiter: Waiter): void {
    const waiters = this.#flows.get(flow) ?? [];
    waiters.push(waiter);
    this.#flows.set(flow, waiters);
    this.#waiting += 1;
    this.#waitingBytes += waiter.bytes;
  }

  /** False when the waiter has been admitted already. */
  #leave(flow: string, waiter: Waiter): boolean {
    const waiters = this.#flows.get(flow) ?? [];
    const at = waiters.indexOf(waiter);
    if (at < 0) return false;
    waiters.splice(at, 1);
    if (waiters.length === 0) this.#flows.delete(flow);
    this.#waiting -= 1;
    this.#waitingBytes -= waiter.bytes;
    return true;
  }

  #next(): void {
    if (this.#inFlight >= this.#limits.inFlightMax) return;
    const [first] = this.#flows;
    const waiter = first?.[1][0];
    if (first === undefined || waiter === undefined) return;
    const [flow, waiters] = first;
    this.#leave(flow, waiter);
    this.#inFlight += 1;
    if (waiters.length > 0) {
      this.#flows.delete(flow);
      this.#flows.set(flow, waiters);
    }
    waiter.admit();
  }
}

function overloaded(message: string): AppError {
  return new AppError('overloaded', { message, retryAfterMs: 5000 });
}
