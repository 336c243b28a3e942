import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { Observer, type Figures } from '#loadtest/record/figures.ts';
import type { Scenario } from '#loadtest/virtual/scenario.ts';
import { Engineer } from '#loadtest/workload/engineer.ts';
import type { Turn } from '#loadtest/workload/turn.ts';
import { Client } from './ask.ts';
import { engineerHeader, startSocketFleet, type SocketFleet } from './socket-fleet.ts';
import { StrainGauge, type Strain } from './strain.ts';
import { WrittenBody, type SharedTexts } from './written-body.ts';

/** What a run on sockets comes to. */
export interface Played {
  readonly figures: Figures;
  /** Of the measured time. */
  readonly strain: {
    readonly client: Strain;
    readonly routers: readonly Strain[];
    readonly replicas: readonly Strain[];
  };
}

const minute = 60_000;

/** Plays a scenario, its faults left out, with real processes; time goes as on the clock, or 1 / `timeScale` times as fast. */
export async function playOnSockets(scenario: Scenario, timeScale = 1): Promise<Played> {
  await using fleet = await startSocketFleet(scenario, timeScale);
  await using play = new Play(scenario, fleet, scaledClock(timeScale));
  return await play.run();
}

class Play implements AsyncDisposable {
  readonly #scenario: Scenario;
  readonly #fleet: SocketFleet;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  readonly #client: Client;
  readonly #observer: Observer;
  readonly #texts: SharedTexts = new Map();
  #inFlight = 0;

  constructor(scenario: Scenario, fleet: SocketFleet, clock: Clock) {
    this.#scenario = scenario;
    this.#fleet = fleet;
    this.#clock = clock;
    this.#client = new Client({ ...fleet, clock, signal: this.#over.signal });
    this.#observer = new Observer(scenario.warmUpMinutes * minute);
  }

  async run(): Promise<Played> {
    const { engineers, seed, minutes, warmUpMinutes } = this.#scenario;
    const { signal } = this.#over;
    using gauge = new StrainGauge();
    const days = Array.from({ length: engineers }, (_, index) => this.#live(new Engineer(seed, index), index));
    const ended = Promise.all(days);
    await Promise.race([ended, this.#clock.sleep(warmUpMinutes * minute, signal)]);
    gauge.begin();
    this.#fleet.begin();
    await Promise.race([ended, this.#clock.sleep((minutes - warmUpMinutes) * minute, signal)]);
    const figures = this.#observer.figures(this.#clock.monotonic());
    const strain = { client: gauge.read(), ...(await this.#fleet.strain()) };
    this.#over.abort(new Error('the scenario is over'));
    await Promise.allSettled(days);
    return { figures, strain };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#client[Symbol.asyncDispose]();
  }

  /** An engineer's day. @throws the signal's reason */
  async #live(engineer: Engineer, index: number): Promise<never> {
    const { signal } = this.#over;
    let version = 0;
    let written = new WrittenBody(this.#texts);
    await this.#clock.sleep(engineer.firstDelay(), signal);
    for (;;) {
      const turn = engineer.next();
      if (turn.version !== version) written = new WrittenBody(this.#texts);
      version = turn.version;
      written.heard(await this.#ask(turn, written.take(turn), index));
      await this.#clock.sleep(engineer.answered(turn), signal);
    }
  }

  /** Asks until it is answered: a client that is sent away comes back when it is told to. Gives what was said. */
  async #ask({ session, promptTokens, freshTokens }: Turn, body: Buffer, index: number): Promise<string> {
    const { signal } = this.#over;
    const named: Record<string, string> = this.#scenario.sessionHeader ? { 'x-session-id': session } : {};
    const firstAskedAt = this.#clock.monotonic();
    const sizes = { client: `engineer-${index}`, freshTokens };
    for (let askedAt = firstAskedAt; ; askedAt = this.#clock.monotonic()) {
      this.#inFlight += 1;
      this.#observer.asked(this.#inFlight);
      const heard = await this.#client.ask(body, { [engineerHeader]: String(index), ...named });
      this.#inFlight -= 1;
      if (heard.kind === 'done') {
        const { text, kind, ...seen } = heard;
        this.#observer.add({ outcome: kind, askedAt: firstAskedAt, ...sizes, ...seen });
        return text;
      }
      const now = this.#clock.monotonic();
      const nothing = { firstAt: now, lastAt: now, promptTokens, cachedTokens: 0, outputTokens: 0 };
      this.#observer.add({ outcome: heard.kind, code: heard.code, askedAt, ...sizes, ...nothing });
      await this.#clock.sleep(heard.kind === 'refused' ? heard.retryAfterMs : 500, signal);
    }
  }
}

/** From 0 on, in the scenario's time. */
function scaledClock(timeScale: number): Clock {
  const startedAt = systemClock.monotonic();
  const monotonic = (): number => (systemClock.monotonic() - startedAt) / timeScale;
  return {
    now: monotonic,
    monotonic,
    sleep: (ms, signal) => systemClock.sleep(ms * timeScale, signal),
    after: (ms, act) => systemClock.after(ms * timeScale, act),
  };
}
