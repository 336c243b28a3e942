import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import { SharedRoom } from '../admit/shared-room.ts';
import type { Slot, Work } from './picker.ts';
import type { Placer, PoolState } from './placer.ts';
import { goesFirst, PoolLine, type Waiter, type Want } from './pool-line.ts';
import { goneError, retryAfterMs, stillStarting } from './refusals.ts';
import { Tried } from './tried.ts';
import { clientWait, DrainRate } from './wait/drain-rate.ts';
import { HeldLine } from './wait/held-line.ts';
import type { LateBinding } from './wait/late-binding.ts';
import type { ColdGate } from './wait/cold-gate.ts';
import { WaitingRoom } from './wait/waiting-room.ts';

/** Bounds of the process, shared out among its pools; times in milliseconds. */
export interface WaitLimits {
  readonly inFlightMax: number;
  readonly queueMax: number;
  readonly queueBytesMax: number;
  /** How long a request waits for its turn, and how long for a replica to be there. */
  readonly turnTimeoutMs: number;
  readonly capacityTimeoutMs: number;
}

/** How often those who are held are looked at, besides when something has changed, milliseconds. */
const lookEveryMs = 20;

/**
 * The one wait of a request: for its turn among the flows of its pool, and for a replica. A pool without replicas, or with
 * more work than it can take, fills its own share of the room and nobody else's.
 */
export class PoolWait {
  readonly #placer: Placer;
  readonly #limits: WaitLimits;
  readonly #clock: Clock;
  readonly #late: LateBinding | undefined;
  readonly #lines = new Map<string, PoolLine>();
  readonly #inFlight: SharedRoom;
  readonly #room: WaitingRoom;
  readonly #drains = new Map<string, DrainRate>();
  #isPassDue = false;
  /** Requests that were refused at once, since their turn would have come too late. */
  shed = 0;

  /** `late`: holds requests that would put others back; left out, each goes as soon as it has a turn. */
  constructor(placer: Placer, limits: WaitLimits, { clock, late }: { clock: Clock; late?: LateBinding | undefined }) {
    this.#placer = placer;
    this.#limits = limits;
    this.#clock = clock;
    this.#late = late;
    this.#inFlight = new SharedRoom(limits.inFlightMax);
    this.#room = new WaitingRoom(limits);
  }

  get inFlight(): number {
    return this.#inFlight.total;
  }

  get waiting(): number {
    return this.#room.total;
  }

  /** Those who are held. */
  get heldForSlot(): number {
    return this.#lines.values().reduce((sum, { held }) => sum + held.size, 0);
  }

  /** As `Picker.acquire` says. */
  async acquire(work: Work, signal: AbortSignal, tried = new Tried()): Promise<Slot> {
    signal.throwIfAborted();
    const since = this.#clock.monotonic();
    const waiter: Waiter = {
      work,
      tried,
      since,
      want: 'turn',
      again: false,
      result: undefined,
      aim: undefined,
      look: (gate) => this.#look(waiter, gate),
      wake: () => {},
    };
    const line = this.#lines.get(work.pool);
    const found = line?.wantBefore(waiter) ?? this.#book(waiter, this.#gateFor(waiter, line?.held));
    if (found === 'gone') throw goneError(this.#placer.stateOf(waiter.work.pool));
    if (typeof found !== 'string') return found;
    if (tried.answered) throw this.#overdue(waiter, found, 0);
    waiter.want = found;
    const entered = this.#enter(waiter);
    try {
      if (waiter.aim !== undefined) this.#hold(waiter, entered);
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

  /** A prompt is computed, or what other routers have under way or want has changed: there may be room, or slots. */
  looked(): void {
    if (this.#late === undefined || this.#isPassDue) return;
    this.#isPassDue = true;
    // Messages come in batches: one pass for all of them.
    queueMicrotask(() => this.#pass());
  }

  #enter(waiter: Waiter): PoolLine {
    const { pool, bytes, flow } = waiter.work;
    const line = this.#lines.get(pool) ?? new PoolLine();
    if (goesFirst(waiter)) this.#room.add(pool, bytes);
    else
      while (!this.#room.take(pool, bytes)) {
        // The room of a pool is shared by its flows: the longest one gives way (longest queue drop, Suter et al. 1998).
        const displaced = this.#room.couldTake(bytes) ? line.displacedBy(flow) : undefined;
        if (displaced === undefined) throw this.#busy('overloaded', pool, 'The queue of this endpoint is full.');
        this.#end(displaced, 'displaced');
      }
    this.#lines.set(pool, line);
    line.add(waiter);
    return line;
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
    // Another one looks at the clock for all of them now.
    line.held.first?.wake();
    if (line.size === 0) this.#lines.delete(pool);
    this.#room.giveBack(pool, bytes);
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
      // A rest that no timer can measure is none.
      if (Math.max(leftMs, heldMs) < 1) throw this.#overdue(waiter, want, limitMs);
      const from = this.#clock.monotonic();
      const isLookout = this.#lines.get(waiter.work.pool)?.held.first === waiter;
      await this.#pause(waiter, Math.min(Math.max(leftMs, heldMs), isLookout ? lookEveryMs : Infinity), signal);
      waitedMs[want] += this.#clock.monotonic() - from;
      signal.throwIfAborted();
      if (isLookout) this.looked();
    }
    if (waiter.result === 'gone') throw goneError(this.#placer.stateOf(waiter.work.pool));
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

  #overdue({ work }: Waiter, want: Want, ms: number): AppError {
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
    this.looked();
  }

  #serveOne(line: PoolLine): boolean {
    for (const waiter of line.turns()) {
      const found = this.#book(waiter, this.#gateFor(waiter, line.held));
      if (found !== 'replica' && found !== 'turn') {
        this.#end(waiter, found);
        return true;
      }
      if (waiter.aim !== undefined) {
        line.held.put(waiter, this.#clock.monotonic());
        return true;
      }
      if (goesFirst(waiter)) tell(waiter, found);
      else for (const other of line.others()) tell(other, found);
    }
    return false;
  }

  /** Those who have gone before are not held. */
  #gateFor(waiter: Waiter, held: HeldLine | undefined): ColdGate | undefined {
    return goesFirst(waiter) ? undefined : this.#late?.arrival(waiter.work.pool, held);
  }

  /** One that is held goes if the gate opens now, or is held for what was seen. */
  #look(waiter: Waiter, gate: ColdGate): void {
    const found = this.#book(waiter, gate);
    if (found !== 'replica' && found !== 'turn') return this.#end(waiter, found);
    this.#lines.get(waiter.work.pool)?.held.put(waiter, this.#clock.monotonic());
    tell(waiter, found);
  }

  /** Who would wait in vain is told at once. */
  #hold(waiter: Waiter, { held }: PoolLine): void {
    const { pool } = waiter.work;
    held.put(waiter, this.#clock.monotonic());
    const leftMs = this.#limits.turnTimeoutMs - waiter.tried.waitedMs.turn;
    const turnInMs = this.#late?.turnInMs(pool, waiter, held) ?? 0;
    if (turnInMs > leftMs) {
      this.shed += 1;
      const message = `No turn is to be expected within ${leftMs} ms.`;
      throw new AppError('overloaded', { message, retryAfterMs: clientWait(turnInMs) });
    }
    this.looked();
  }

  #pass(): void {
    this.#isPassDue = false;
    for (const pool of new Set([...this.#lines.keys(), ...(this.#late?.asked() ?? [])]))
      this.#late?.pass(pool, this.#lines.get(pool)?.held ?? new HeldLine());
  }

  #book(waiter: Waiter, gate: ColdGate | undefined): Slot | 'gone' | Want {
    const { work, tried, again } = waiter;
    if (isGone(this.#placer.stateOf(work.pool))) return 'gone';
    if (!this.#inFlight.take(work.pool, 1)) return 'turn';
    let slot = this.#placer.place(work, { tried, excluded: tried.excluded(false), gate });
    if (slot === undefined && again && !tried.none)
      slot = this.#placer.place(work, { tried, excluded: tried.excluded(true), gate });
    if (slot !== undefined) return slot;
    this.#inFlight.giveBack(work.pool, 1);
    const look = gate?.shutFor;
    waiter.aim = look && { ...look, at: this.#clock.monotonic() };
    return look === undefined ? 'replica' : 'turn';
  }
}

/** What it waits for decides which of its clocks runs. */
function tell(waiter: Waiter, want: Want): void {
  if (waiter.want === want) return;
  waiter.want = want;
  waiter.wake();
}

function isGone(state: PoolState): boolean {
  return state === 'removed' || state === 'deleting';
}
