import { negated, type ReplicaLoad } from '../replicas/replica-view.ts';
import type { ReplicaTable } from '../replicas/replica-table.ts';

/** Longest time that the work of a client who has left counts, milliseconds. */
const lingerMaxMs = 60_000;

interface Left {
  readonly load: ReplicaLoad;
  readonly at: number;
}

/**
 * Work that engines go on with although its client has left (llama.cpp computes whole answers to their end). It counts as
 * in flight until the engine's own count says that it is over, or for a bounded time.
 */
export class Lingering {
  readonly #table: ReplicaTable;
  readonly #left = new Map<string, Left[]>();

  constructor(table: ReplicaTable) {
    this.#table = table;
  }

  /** The client has left; the load stays in the table for now. */
  add(replica: string, load: ReplicaLoad, at: number): void {
    const left = this.#left.get(replica) ?? [];
    left.push({ load, at });
    this.#left.set(replica, left);
  }

  /** The engine counts `requests` at a look that began at `lookedAt`: of the rest the oldest are over. */
  counted(replica: string, requests: number, { startedAt, now }: { startedAt: number; now: number }): boolean {
    const left = this.#left.get(replica) ?? [];
    const alive = Math.max(0, requests - (this.#table.load(replica, now).inFlight - left.length));
    const over = left.filter(({ at }) => at < startedAt).slice(0, Math.max(0, left.length - alive));
    return this.#giveBack(replica, over, now);
  }

  /** Gives back what has counted for long enough. True if there was any. */
  expire(now: number): boolean {
    let any = false;
    for (const [replica, left] of this.#left)
      any =
        this.#giveBack(
          replica,
          left.filter(({ at }) => now - at >= lingerMaxMs),
          now,
        ) || any;
    return any;
  }

  /** True if there was any. */
  #giveBack(replica: string, over: readonly Left[], now: number): boolean {
    if (over.length === 0) return false;
    for (const { load } of over) this.#table.change(replica, negated(load), now);
    const rest = (this.#left.get(replica) ?? []).filter((one) => !over.includes(one));
    if (rest.length === 0) this.#left.delete(replica);
    else this.#left.set(replica, rest);
    return true;
  }
}
