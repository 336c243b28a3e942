import type { SlotEnd, SlotFailure } from '../replicas/slot-end.ts';

/** Failures that a restart of the replica explains: it may be asked again when something has changed. */
const passing: ReadonlySet<SlotFailure> = new Set(['connect', 'reset', 'protocol', 'truncated']);
/** Failures of a connection that had carried the request: it may have killed the engine. */
const deadly: ReadonlySet<SlotFailure> = new Set(['reset', 'protocol', 'truncated']);

/** What one request has met so far. Its owner keeps one from attempt to attempt; its slots fill it, `acquire` reads it. */
export class Tried {
  /** How the last attempt on each replica ended. */
  readonly #ends = new Map<string, SlotEnd>();
  /** Spent in `acquire` so far, milliseconds, by what was waited for. */
  readonly waitedMs = { replica: 0, turn: 0 };
  #last: SlotEnd | undefined;

  note(replica: string, end: SlotEnd): void {
    this.#ends.set(replica, end);
    this.#last = end;
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

  /** Replicas that answered this request with a fault (5xx). */
  get faulted(): string[] {
    return [...this.#ends].filter(([, { kind }]) => kind === 'faulted').map(([replica]) => replica);
  }

  /** Replicas that are not asked; with `again` those that were lost for now may be. */
  excluded(again: boolean): ReadonlySet<string> {
    const barred = [...this.#ends].filter(([, end]) => !(again && end.kind === 'failed' && passing.has(end.failure)));
    return new Set(barred.map(([replica]) => replica));
  }
}
