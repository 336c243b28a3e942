import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { Observer, type Figures } from '#loadtest/record/figures.ts';
import type { Scenario } from '#loadtest/virtual/scenario.ts';
import { Engineer } from '#loadtest/workload/engineer.ts';
import { Asking } from '#loadtest/workload/generator/asking.ts';
import { Client } from '#loadtest/workload/generator/client.ts';
import { StrainGauge, type Strain } from '#loadtest/workload/generator/strain.ts';
import { engineerHeader, model, startSocketFleet, type SocketFleet } from './socket-fleet.ts';

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
/** Of the scenario's time; longer than any answer of a fleet that is well. */
const timeoutMs = 60 * minute;

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
  readonly #asking: Asking;

  constructor(scenario: Scenario, fleet: SocketFleet, clock: Clock) {
    this.#scenario = scenario;
    this.#fleet = fleet;
    this.#clock = clock;
    const { signal } = this.#over;
    this.#client = new Client({ url: fleet.url, token: fleet.token, clock, timeoutMs, signal });
    this.#observer = new Observer(scenario.warmUpMinutes * minute);
    this.#asking = new Asking({
      client: this.#client,
      clock,
      style: { model, answers: 'sim', shared: new Map() },
      headers: { [engineerHeader]: '{client}', ...(scenario.sessionHeader && { 'x-session-id': '{session}' }) },
      observer: this.#observer,
      signal,
    });
  }

  async run(): Promise<Played> {
    const { engineers, seed, minutes, warmUpMinutes } = this.#scenario;
    const { signal } = this.#over;
    using gauge = new StrainGauge();
    const days = Array.from({ length: engineers }, (_, index) => this.#asking.live(new Engineer(seed, index)));
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
