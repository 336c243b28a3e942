import type { SlotEnd, SlotFailure } from '../replicas/slot-end.ts';

/** Failures that a restart of the replica explains: it may be asked again when something has changed. */
const passing: ReadonlySet<SlotFailure> = new Set(['connect', 'reset', 'protocol', 'truncated']);
/** Failures of a connection that had carried the request: it may have killed the engine. */
const deadly: ReadonlySet<SlotFailure> = new Set(['reset', 'protocol', 'truncated']);

const nobody: ReadonlySet<string> = new Set();

/** What one request has met so far. Its owner keeps one from attempt to attempt; its slots fill it, `acquire` reads it. */
export class Tried {
  /** Spent in `acquire` so far, milliseconds, by what was waited for. */
  readonly waitedMs = { replica: 0, turn: 0 };
  /** How the last attempt on each replica ended. */
  readonly #ends = new Map<string, SlotEnd>();
  /** Replicas that answered with a fault (5xx), and since when they had the request. */
  readonly #faulted = new Map<string, number>();
  /** How often its first content was late, so that it went elsewhere. */
  lateMoves = 0;
  #last: SlotEnd | undefined;

  note(replica: string, end: SlotEnd, startedAt: number): void {
    this.#ends.set(replica, end);
    this.#last = end;
    if (end.kind === 'faulted') this.#faulted.set(replica, startedAt);
  }

  get none(): boolean {
    return this.#ends.size === 0;
  }

  /** An engine has answered, if only to refuse: there is something to tell the client without waiting. */
  get answered(): boolean {
    return this.#last?.kind === 'refused' || this.#last?.kind === 'faulted';
  }

  /** Replicas that were lost in the middle of this request. */
  get killed(): number {
    return [...this.#ends.values()].filter((end) => end.kind === 'failed' && deadly.has(end.failure)).length;
  }

  /**
   * Replicas whose fault it was, once another one has taken the request. When two have answered 5xx to it, the fault is
   * the request's.
   */
  takeFaulted(): [replica: string, startedAt: number][] {
    const faulted = this.#faulted.size === 1 ? [...this.#faulted] : [];
    this.#faulted.clear();
    return faulted;
  }

  /** Replicas that are not asked; with `again` those that were lost for now, or only left, may be. */
  excluded(again: boolean): ReadonlySet<string> {
    if (this.#ends.size === 0) return nobody;
    const barred = [...this.#ends].filter(([, end]) => !(again && isPassing(end)));
    return new Set(barred.map(([replica]) => replica));
  }
}

/** A replica that was left for a better one, or for what we lacked ourselves, has done nothing wrong. */
function isPassing(end: SlotEnd): boolean {
  return end.kind === 'left' || (end.kind === 'failed' && passing.has(end.failure));
}
