import { pause, systemClock, type Clock } from '#shared/runtime/clock.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { Observer, type Figures } from '#loadtest/record/figures.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { RunWatcher } from '#loadtest/record/run-folder.ts';
import { presets } from '#loadtest/sim/engine/presets.ts';
import { productPolicy, type Fault, type Scenario } from '#loadtest/virtual/scenario.ts';
import { floodClient, FloodingClient } from '#loadtest/workload/flood.ts';
import { Asking } from '#loadtest/workload/generator/asking.ts';
import { Client } from '#loadtest/workload/generator/client.ts';
import { lateMsMax, StrainGauge, useOf, type Strain } from '#loadtest/workload/generator/strain.ts';
import { openWorkload } from '#loadtest/workload/workload.ts';
import type { Fleet, SocketFault } from './fleet.ts';
import { engineerHeader, startSocketFleet } from './socket-fleet.ts';
import { StackFleet } from './stack-fleet.ts';

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
/** Requests of an open loop that are under way at once. */
const openMax = 10_000;
/** Of the scenario's time; longer than any answer of a fleet that is well. */
const timeoutMs = 60 * minute;

/** How often the fleet is looked at for who watches, milliseconds of the scenario. */
const sampleMs = 10_000;

/** How a run goes. */
export interface PlayOptions {
  /** Time goes as on the clock, or 1 / `timeScale` times as fast. */
  readonly timeScale?: number;
  /** A stack that runs, as `npm run dev -- --json FILE` wrote it; else a fleet of its own is started. */
  readonly stack?: string | undefined;
  /** Hears of the run while it goes on. */
  readonly watcher?: RunWatcher;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/**
 * Plays a scenario with real processes. Undefined if it was ended in its warm-up.
 * @throws ConfigError for what only virtual time has: rules of other products, replicas that come and go by plan
 */
export async function playOnSockets(scenario: Scenario, options: PlayOptions = {}): Promise<Played | undefined> {
  const { timeScale = 1, signal = new AbortController().signal } = options;
  const faults = scenario.faults.filter(isOnSockets);
  const other = scenario.faults.find(({ kind }) => !socketFaults.includes(kind));
  if (other !== undefined)
    throw new ConfigError(
      `A ${other.kind} is simulated in virtual time alone: here nobody changes the replicas by plan.`,
    );
  if (productPolicy(scenario) === undefined)
    throw new ConfigError(`Policy ${scenario.policy} is a rule of virtual time alone: no router has it.`);
  const { blockTokens, kvTokens } = presets[scenario.preset.name];
  if (scenario.preset.kvTokens !== kvTokens)
    throw new ConfigError(
      `Replicas of ${scenario.preset.name} have ${kvTokens} tokens of cache: kvTokens is virtual time's.`,
    );
  // Larger blocks spare virtual time.
  const real = { ...scenario, preset: { ...scenario.preset, blockTokens } };
  await using fleet =
    options.stack === undefined ? await startSocketFleet(real, timeScale) : await StackFleet.of(options.stack, real);
  await using play = new Play(real, { fleet, clock: scaledClock(timeScale), watcher: options.watcher });
  return await play.run(faults, signal);
}

type FloodFault = Extract<Fault, { kind: 'flood' }>;

const socketFaults: readonly string[] = [
  'slow',
  'kill-replica',
  'kill-router',
  'pause-router',
  'redis',
  'flood',
] satisfies (SocketFault | FloodFault)['kind'][];

function isOnSockets(fault: Fault): fault is SocketFault | FloodFault {
  return socketFaults.includes(fault.kind);
}

class Play implements AsyncDisposable {
  readonly #scenario: Scenario;
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #watcher: RunWatcher | undefined;
  readonly #over = new AbortController();
  readonly #client: Client;
  readonly #observer: Observer;
  readonly #asking: Asking;

  constructor(scenario: Scenario, parts: { fleet: Fleet; clock: Clock; watcher: RunWatcher | undefined }) {
    const { fleet, clock } = parts;
    this.#scenario = scenario;
    this.#fleet = fleet;
    this.#clock = clock;
    this.#watcher = parts.watcher;
    const { signal } = this.#over;
    this.#client = new Client({ url: fleet.url, token: fleet.token, clock, timeoutMs, signal });
    this.#observer = new Observer(scenario.warmUpMinutes * minute);
    this.#asking = new Asking({
      client: this.#client,
      clock,
      style: { model: fleet.model, answers: 'sim', shared: new Map() },
      headers: { [engineerHeader]: '{client}', ...(scenario.sessionHeader && { 'x-session-id': '{session}' }) },
      observer: { asked: (inFlight) => this.#observer.asked(inFlight), add: (record) => this.#seen(record) },
      signal,
    });
  }

  async run(faults: readonly (SocketFault | FloodFault)[], signal: AbortSignal): Promise<Played | undefined> {
    const { minutes, warmUpMinutes } = this.#scenario;
    using gauge = new StrainGauge();
    const work = this.#work(faults);
    const ended = Promise.all(work);
    const goOn = (ms: number): Promise<unknown> => Promise.race([ended, pause(this.#clock, ms, signal)]);
    await goOn(warmUpMinutes * minute);
    if (signal.aborted) return this.#end(work);
    gauge.begin();
    await this.#fleet.begin();
    await goOn((minutes - warmUpMinutes) * minute);
    const figures = this.#observer.figures(this.#clock.monotonic());
    const strain = { client: gauge.read(), ...(await this.#fleet.strain()) };
    await this.#end(work);
    return { figures: { ...figures, ...effortOf(strain) }, strain };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#client[Symbol.asyncDispose]();
  }

  /** All that goes on until the end. */
  #work(faults: readonly (SocketFault | FloodFault)[]): Promise<unknown>[] {
    const { askers, arrivals } = openWorkload(this.#scenario);
    const floods = faults.flatMap((fault) =>
      fault.kind === 'flood'
        ? Array.from({ length: fault.clients }, (_, index) => new FloodingClient(1000 * fault.at, index))
        : [],
    );
    return [
      ...[...askers, ...floods].map((asker) => this.#asking.live(asker)),
      this.#asking.receive(arrivals, openMax),
      ...faults.flatMap((fault) => (fault.kind === 'flood' ? [] : [this.#suffer(fault)])),
      ...(this.#watcher === undefined ? [] : [this.#sample(this.#watcher)]),
    ];
  }

  async #end(work: readonly Promise<unknown>[]): Promise<undefined> {
    this.#over.abort(new Error('the scenario is over'));
    await Promise.allSettled(work);
  }

  async #suffer(fault: SocketFault): Promise<void> {
    const wait = (seconds: number): Promise<void> => this.#clock.sleep(1000 * seconds, this.#over.signal);
    await wait(fault.at);
    await this.#fleet.suffer(fault, wait);
  }

  async #sample(watcher: RunWatcher): Promise<never> {
    for (;;) {
      await this.#clock.sleep(sampleMs, this.#over.signal);
      const at = this.#clock.monotonic();
      watcher.sample({ at, inFlight: await this.#fleet.inFlight() });
    }
  }

  /** Figures are those of everybody else than a flood. */
  #seen(record: RequestRecord): void {
    if (record.client !== floodClient) this.#observer.add(record);
    this.#watcher?.request(record);
  }
}

/** What it took, and whether the machine kept up. */
function effortOf({ client, routers, replicas }: Played['strain']): Pick<Figures, 'target' | 'sender' | 'doubts'> {
  const lateMs = Math.max(...[client, ...routers, ...replicas].map((one) => one.lateMs));
  const doubt = `event loops were ${lateMs.toFixed(1)} ms late (p99; at most ${lateMsMax})`;
  return { target: useOf(routers), sender: useOf([client]), ...(lateMs > lateMsMax && { doubts: [doubt] }) };
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
