import { Counter, type Registry } from 'prom-client';
import { AppError } from '#shared/contract/errors.ts';
import type { Clock } from '#shared/runtime/clock.ts';

/** What an API token has left, as replies tell it. */
export interface RateState {
  limit: number;
  remaining: number;
  /** When its oldest request stops counting, Unix seconds. */
  resetAt: number;
}

/** The limits of a server, with a counter of what they refuse: `fairway_<name>_rate_refused_total`. */
export function createRateLimits(
  registry: Registry,
  name: 'api' | 'central',
  { clock, config }: { clock: Clock; config: { FAIRWAY_RATE_PER_HOUR: number; FAIRWAY_RATE_PER_MINUTE: number } },
): RateLimits {
  const refused = new Counter({
    name: `fairway_${name}_rate_refused_total`,
    help: 'Requests beyond FAIRWAY_RATE_PER_HOUR and FAIRWAY_RATE_PER_MINUTE of their API token.',
    labelNames: ['what'],
    registers: [registry],
  });
  return new RateLimits({
    perHour: config.FAIRWAY_RATE_PER_HOUR,
    perMinute: config.FAIRWAY_RATE_PER_MINUTE,
    clock,
    refused,
  });
}

/** Tokens that are counted at once; of more, those that were quiet for the longest begin anew. */
const tokensMax = 10_000;

const minuteMs = 60_000;

/**
 * Counts the requests of each API token, as DigitalOcean's API does: so many in an hour, and so many in a minute, both in
 * windows that slide (in steps of a sixtieth). Each process counts what reaches it.
 */
export class RateLimits {
  readonly #perHour: number;
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #refused: Counter<'what'>;
  readonly #tokens = new Map<string, { hour: SlidingCount; minute: SlidingCount }>();

  constructor(of: { perHour: number; perMinute: number; clock: Clock; refused: Counter<'what'> }) {
    this.#perHour = of.perHour;
    this.#perMinute = of.perMinute;
    this.#clock = of.clock;
    this.#refused = of.refused;
  }

  /** Counts one request and says what is left. A refused one is not counted: `state` says when the next may come. */
  take(tokenId: string): { state: RateState; refusal: AppError | null } {
    const now = this.#clock.monotonic();
    const { hour, minute } = this.#countsOf(tokenId);
    const stateOf = (): RateState => ({
      limit: this.#perHour,
      remaining: Math.max(0, this.#perHour - hour.total(now)),
      resetAt: Math.ceil((this.#clock.now() + hour.freesInMs(now)) / 1000),
    });
    if (hour.total(now) >= this.#perHour) {
      this.#refused.inc({ what: 'hourly_rate' });
      return { state: stateOf(), refusal: new AppError('too_many_requests') };
    }
    if (minute.total(now) >= this.#perMinute) {
      this.#refused.inc({ what: 'burst_rate' });
      return { state: stateOf(), refusal: new AppError('too_many_requests', { retryAfterMs: minute.freesInMs(now) }) };
    }
    hour.add(now);
    minute.add(now);
    return { state: stateOf(), refusal: null };
  }

  #countsOf(tokenId: string): { hour: SlidingCount; minute: SlidingCount } {
    const counts = this.#tokens.get(tokenId) ?? {
      hour: new SlidingCount(minuteMs),
      minute: new SlidingCount(minuteMs / 60),
    };
    this.#tokens.delete(tokenId);
    this.#tokens.set(tokenId, counts);
    const [quietest] = this.#tokens.keys();
    if (this.#tokens.size > tokensMax && quietest !== undefined) this.#tokens.delete(quietest);
    return counts;
  }
}

/** Counts what happened within the last sixty steps. */
class SlidingCount {
  readonly #stepMs: number;
  readonly #counts = new Uint32Array(60);
  #newest = 0;

  constructor(stepMs: number) {
    this.#stepMs = stepMs;
  }

  add(now: number): void {
    this.#advance(now);
    const place = this.#newest % this.#counts.length;
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
  }

  total(now: number): number {
    this.#advance(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Time until the oldest that counts no longer does, milliseconds; 0 when nothing counts. */
  freesInMs(now: number): number {
    this.#advance(now);
    const steps = this.#counts.length;
    for (let age = steps - 1; age >= 0; age -= 1) {
      const step = this.#newest - age;
      if (step >= 0 && (this.#counts[step % steps] ?? 0) > 0) return (step + steps) * this.#stepMs - now;
    }
    return 0;
  }

  #advance(now: number): void {
    const step = Math.floor(now / this.#stepMs);
    const passed = Math.min(step - this.#newest, this.#counts.length);
    for (let gone = 1; gone <= passed; gone += 1) this.#counts[(step - passed + gone) % this.#counts.length] = 0;
    this.#newest = Math.max(step, this.#newest);
  }
}
