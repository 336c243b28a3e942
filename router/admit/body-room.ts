import type { Clock } from '#shared/runtime/clock.ts';
import { readBytesMax } from './intake.ts';
import { SharedRoom } from './shared-room.ts';

/** A body that an engine has got, kept for another attempt. */
export interface ReplayCopy {
  readonly endpointId: string;
  /** Gives its memory back. */
  giveUp(): void;
}

/** One that waits for room. */
interface Waiting {
  readonly bytes: number;
  readonly admitted: AbortController;
}

/**
 * Memory for request bodies, shared out between endpoints. When it is short, copies for another attempt go first, oldest
 * first, the endpoint's own before those of others; then whoever comes waits in line, unread, and is admitted in order as
 * room is given back.
 */
export class BodyRoom {
  readonly #room: SharedRoom;
  /** For what a body has brought before it waits: the head of a request does not come without the first bytes behind it. */
  readonly #firstReads: SharedRoom;
  readonly #waitMs: number;
  readonly #clock: Clock;
  /** By endpoint, oldest first. */
  readonly #copies = new Map<string, Set<ReplayCopy>>();
  readonly #lines = new Map<string, Set<Waiting>>();
  #isTaking = false;

  /** `firstReadBytes`: memory of those who wait in line; `waitMs`: how long one waits. */
  constructor(
    { bytes, firstReadBytes, waitMs }: { bytes: number; firstReadBytes: number; waitMs: number },
    clock: Clock,
  ) {
    this.#room = new SharedRoom(bytes);
    this.#firstReads = new SharedRoom(firstReadBytes);
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  /** Bytes in use. */
  get total(): number {
    return this.#room.total;
  }

  /** Bytes of those who wait in line. */
  get unreadBytes(): number {
    return this.#firstReads.total;
  }

  /** Bodies that wait unread. */
  get waiting(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.size, 0);
  }

  /** Takes room for bytes that are here already, or nothing. */
  take(endpointId: string, bytes: number): boolean {
    const taken = this.#takeNow(endpointId, bytes);
    this.#admit();
    return taken;
  }

  /**
   * Takes room for bytes that are to come (0: nobody knows how many), waiting in line for it. False when the time is over, or
   * the line is full; rejects as the signal does.
   */
  async reserve(endpointId: string, bytes: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#lines.has(endpointId) && this.take(endpointId, bytes)) return true;
    const firstRead = Math.min(bytes || readBytesMax, readBytesMax);
    if (!this.#firstReads.take(endpointId, firstRead)) return false;
    const line = this.#lines.get(endpointId) ?? new Set();
    const waiting: Waiting = { bytes, admitted: new AbortController() };
    this.#lines.set(endpointId, line.add(waiting));
    try {
      await this.#clock.sleep(this.#waitMs, AbortSignal.any([waiting.admitted.signal, signal]));
    } catch (error) {
      if (!waiting.admitted.signal.aborted) throw error;
    } finally {
      this.#leaveLine(endpointId, waiting);
      this.#firstReads.giveBack(endpointId, firstRead);
    }
    return waiting.admitted.signal.aborted;
  }

  giveBack(endpointId: string, bytes: number): void {
    this.#room.giveBack(endpointId, bytes);
    this.#admit();
  }

  /** From now on the copy may be given up. */
  addCopy(copy: ReplayCopy): void {
    const copies = this.#copies.get(copy.endpointId) ?? new Set();
    this.#copies.set(copy.endpointId, copies.add(copy));
    this.#admit();
  }

  /** It is needed again, or gone. */
  removeCopy(copy: ReplayCopy): void {
    const copies = this.#copies.get(copy.endpointId);
    if (copies?.delete(copy) === true && copies.size === 0) this.#copies.delete(copy.endpointId);
  }

  /** Nobody in line comes between a copy that goes and whom it goes for. */
  #takeNow(endpointId: string, bytes: number): boolean {
    this.#isTaking = true;
    try {
      while (!this.#room.take(endpointId, bytes)) if (!this.#giveUpCopy(endpointId)) return false;
      return true;
    } finally {
      this.#isTaking = false;
    }
  }

  #giveUpCopy(endpointId: string): boolean {
    const [copy] = this.#copies.get(endpointId) ?? this.#copies.values().next().value ?? [];
    if (copy === undefined) return false;
    this.removeCopy(copy);
    copy.giveUp();
    return true;
  }

  #admit(): void {
    if (this.#isTaking) return;
    for (const [endpointId, line] of this.#lines)
      for (const waiting of line) {
        if (!this.#takeNow(endpointId, waiting.bytes)) break;
        this.#leaveLine(endpointId, waiting);
        waiting.admitted.abort('admitted');
      }
  }

  #leaveLine(endpointId: string, waiting: Waiting): void {
    const line = this.#lines.get(endpointId);
    if (line?.delete(waiting) === true && line.size === 0) this.#lines.delete(endpointId);
  }
}
