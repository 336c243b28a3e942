import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import { SharedRoom } from '../admit/shared-room.ts';
import { DrainRate } from './drain-rate.ts';
import type { Slot, Work } from './picker.ts';
import { goesFirst, PoolLine, type Waiter, type Want } from './pool-line.ts';
import { Tried } from './tried.ts';

/** Bounds of the process, shared out among its pools; times in milliseconds. */
export interface WaitLimits {
  readonly inFlightMax: number;
  readonly queueMax: number;
  readonly queueBytesMax: number;
  /** How long a request waits for its turn, and how long for a replica to be there. */
  readonly turnTimeoutMs: number;
  readonly capacityTimeoutMs: number;
}

/** Nobody waits for a pool that is removed or being deleted. One that starts has no replica that could be ready. */
export type PoolState = 'removed' | 'deleting' | 'starting' | 'serving';

/** Who picks for those whose turn it is. */
export interface Placer {
  stateOf(pool: string): PoolState;
  /** How far a pool is that starts, as far as that is known, and until when its requests are held. */
  startOf(pool: string): Pick<PoolDocument, 'starting' | 'hold'> | undefined;
  /** Picks and books at once; undefined when no replica can take the request now. */
  place(work: Work, tried: Tried, excluded: ReadonlySet<string>): Slot | undefined;
}

/** When nothing better is known. */
const retryAfterMs = 5000;

/**
 * The one wait of a request: for its turn among the flows of its pool, and for a replica. A pool without replicas, or with
 * more work than it can take, fills its own share of the room and nobody else's.
 */
export class PoolWait {
  readonly #placer: Placer;
  readonly #limits: WaitLimits;
  readonly #clock: Clock;
  readonly #lines = new Map<string, PoolLine>();
  readonly #inFlight: SharedRoom;
  readonly #queued: SharedRoom;
  readonly #queuedBytes: SharedRoom;
  readonly #drains = new Map<string, DrainRate>();

  constructor(placer: Placer, limits: WaitLimits, clock: Clock) {
    this.#placer = placer;
    this.#limits = limits;
    this.#clock = clock;
    this.#inFlight = new SharedRoom(limits.inFlightMax);
    this.#queued = new SharedRoom(limits.queueMax);
    this.#queuedBytes = new SharedRoom(limits.queueBytesMax);
  }

  get inFlight(): number {
    return this.#inFlight.total;
  }

  get waiting(): number {
    return this.#queued.total;
  }

  /** As `Picker.acquire` says. */
  async acquire(work: Work, signal: AbortSignal, tried = new Tried()): Promise<Slot> {
    signal.throwIfAborted();
    const waiter: Waiter = { work, tried, want: 'turn', again: false, result: undefined, wake: () => {} };
    const found = this.#lines.get(work.pool)?.wantBefore(waiter) ?? this.#book(waiter);
    if (found === 'gone') throw this.#gone(waiter);
    if (typeof found !== 'string') return found;
    if (tried.answered) throw this.#late(waiter, found, 0);
    waiter.want = found;
    this.#enter(waiter);
    try {
      return await this.#served(waiter, signal);
    } catch (error) {
      this.#leave(waiter);
      if (typeof waiter.result === 'object') waiter.result[Symbol.dispose]();
      throw error;
    }
  }

  /** A slot of the pool was given back. */
  released(pool: string): void {
    this.#inFlight.giveBack(pool, 1);
    const drain = this.#drains.get(pool) ?? new DrainRate();
    this.#drains.set(pool, drain);
    drain.ended(this.#clock.monotonic());
    this.#serve();
  }

  /** Pools or the health of replicas have changed: whoever waits for that is looked at again. */
  changed(): void {
    for (const pool of this.#drains.keys()) if (this.#placer.stateOf(pool) === 'removed') this.#drains.delete(pool);
    for (const line of this.#lines.values()) for (const waiter of line.all()) waiter.again = true;
    this.#serve();
  }

  #enter(waiter: Waiter): void {
    const { pool, bytes, flow } = waiter.work;
    const line = this.#lines.get(pool) ?? new PoolLine();
    if (goesFirst(waiter)) {
      this.#queued.add(pool, 1);
      this.#queuedBytes.add(pool, bytes);
    } else
      while (!this.#takeRoom(pool, bytes)) {
        // The room of a pool is shared by its flows: the longest one gives way (longest queue drop, Suter et al. 1998).
        const fits = bytes <= this.#limits.queueBytesMax;
        const displaced = fits ? line.displacedBy(flow) : undefined;
        if (displaced === undefined) throw this.#busy('overloaded', pool, 'The queue of this endpoint is full.');
        this.#end(displaced, 'displaced');
      }
    this.#lines.set(pool, line);
    line.add(waiter);
  }

  #takeRoom(pool: string, bytes: number): boolean {
    if (!this.#queued.take(pool, 1)) return false;
    if (this.#queuedBytes.take(pool, bytes)) return true;
    this.#queued.giveBack(pool, 1);
    return false;
  }

  #end(waiter: Waiter, result: NonNullable<Waiter['result']>): void {
    waiter.result = result;
    this.#leave(waiter);
    waiter.wake();
  }

  #leave(waiter: Waiter): void {
    const { pool, bytes } = waiter.work;
    const line = this.#lines.get(pool);
    if (line?.remove(waiter) !== true) return;
    if (line.size === 0) this.#lines.delete(pool);
    this.#queued.giveBack(pool, 1);
    this.#queuedBytes.giveBack(pool, bytes);
  }

  async #served(waiter: Waiter, signal: AbortSignal): Promise<Slot> {
    const { turnTimeoutMs } = this.#limits;
    const { capacityTimeoutMs = this.#limits.capacityTimeoutMs } = waiter.work;
    const { waitedMs } = waiter.tried;
    let held = false;
    while (waiter.result === undefined) {
      const { want } = waiter;
      const limitMs = want === 'turn' ? turnTimeoutMs : capacityTimeoutMs;
      const leftMs = limitMs - waitedMs[want];
      const heldMs = this.#heldMs(waiter);
      held ||= heldMs > 0;
      if (Math.max(leftMs, heldMs) <= 0) throw this.#late(waiter, want, limitMs);
      const from = this.#clock.monotonic();
      await this.#pause(waiter, Math.max(leftMs, heldMs), signal);
      waitedMs[want] += this.#clock.monotonic() - from;
      signal.throwIfAborted();
    }
    if (waiter.result === 'gone') throw this.#gone(waiter);
    if (waiter.result === 'displaced')
      throw this.#busy('rate_limit_exceeded', waiter.work.pool, 'The queue is full, mostly of your requests.');
    // A hold takes nothing of the time that another attempt may need.
    if (held) waitedMs.replica = 0;
    return waiter.result;
  }

  /** Time that a hold of its pool lasts; a client that says how long it waits has said more than that. */
  #heldMs({ work: { pool, capacityTimeoutMs }, want }: Waiter): number {
    if (want === 'turn' || capacityTimeoutMs !== undefined || this.#placer.stateOf(pool) !== 'starting') return 0;
    return (this.#placer.startOf(pool)?.hold?.until ?? 0) - this.#clock.now();
  }

  #late({ work }: Waiter, want: Want, ms: number): AppError {
    if (want === 'turn') return this.#busy('overloaded', work.pool, `No turn came within ${ms} ms.`);
    if (this.#placer.stateOf(work.pool) !== 'starting') return new AppError('no_replica', { retryAfterMs });
    return stillStarting(this.#placer.startOf(work.pool)?.starting, this.#clock.now());
  }

  /** To be tried again when those who wait have had their turn. */
  #busy(code: 'overloaded' | 'rate_limit_exceeded', pool: string, message: string): AppError {
    const now = this.#clock.monotonic();
    const waiting = this.#lines.get(pool)?.size ?? 0;
    return new AppError(code, { message, retryAfterMs: this.#drains.get(pool)?.waitFor(waiting, now) ?? retryAfterMs });
  }

  #gone({ work }: Waiter): AppError {
    return this.#placer.stateOf(work.pool) === 'deleting'
      ? new AppError('endpoint_not_active', { message: 'The endpoint is being deleted.' })
      : new AppError('model_not_found', { message: 'The model is served here no more.' });
  }

  async #pause(waiter: Waiter, ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiter.wake = resolve;
    // Whoever waits looks itself at what has ended the pause.
    await endsWithin(promise, ms, { clock: this.#clock, signal });
  }

  /** Pools take turns, too: one each, until nobody can be served. */
  #serve(): void {
    for (let served = true; served;) {
      served = false;
      for (const [pool, line] of this.#lines.entries().toArray()) {
        if (!this.#serveOne(line)) continue;
        served = true;
        if (this.#lines.delete(pool) && line.size > 0) this.#lines.set(pool, line);
      }
    }
  }

  #serveOne(line: PoolLine): boolean {
    for (const waiter of line.turns()) {
      const found = this.#book(waiter);
      if (found !== 'replica' && found !== 'turn') {
        this.#end(waiter, found);
        return true;
      }
      if (goesFirst(waiter)) tell(waiter, found);
      else for (const other of line.others()) tell(other, found);
    }
    return false;
  }

  #book({ work, tried, again }: Waiter): Slot | 'gone' | Want {
    if (isGone(this.#placer.stateOf(work.pool))) return 'gone';
    if (!this.#inFlight.take(work.pool, 1)) return 'turn';
    let slot = this.#placer.place(work, tried, tried.excluded(false));
    if (slot === undefined && again) slot = this.#placer.place(work, tried, tried.excluded(true));
    if (slot === undefined) this.#inFlight.giveBack(work.pool, 1);
    return slot ?? 'replica';
  }
}

/** What it waits for decides which of its clocks runs. */
function tell(waiter: Waiter, want: Want): void {
  if (waiter.want === want) return;
  waiter.want = want;
  waiter.wake();
}

/** Says how far it is, and to come back when it should be ready: no earlier, and not later than clients heed. */
function stillStarting(start: PoolDocument['starting'], now: number): AppError {
  if (start === undefined) return new AppError('endpoint_starting', { retryAfterMs });
  const leftMs = start.readyAt === undefined ? 0 : start.readyAt - now;
  const when = leftMs > 0 ? `ready in about ${Math.ceil(leftMs / 1000)} s` : 'it is not known when it will be ready';
  const message = `The endpoint is starting: phase ${start.phase}, ${when}.`;
  return new AppError('endpoint_starting', { message, retryAfterMs: leftMs > 0 ? leftMs : retryAfterMs });
}

function isGone(state: PoolState): boolean {
  return state === 'removed' || state === 'deleting';
}
