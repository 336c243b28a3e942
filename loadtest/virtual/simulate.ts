import { Observer, type Figures } from '#loadtest/record/figures.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { RunWatcher } from '#loadtest/record/run-folder.ts';
import { floodClient, FloodingClient } from '#loadtest/workload/flood.ts';
import type { Arrival, Asker, Turn } from '#loadtest/workload/turn.ts';
import { openWorkload } from '#loadtest/workload/workload.ts';
import { productPolicy, type Scenario } from './scenario.ts';
import { VirtualFleet } from './virtual-fleet.ts';
import { WrittenConversation, type WrittenTurn } from './written-conversation.ts';

const minute = 60_000;
/** A client whose connection has ended tries again after so long, milliseconds. */
const brokenRetryMs = 500;
/** How often the fleet is looked at for who watches, milliseconds. */
const sampleMs = 10_000;

/** Runs a scenario in virtual time; a signal ends it early, with the figures until then. @throws what the workload's arrivals do */
export async function simulate(scenario: Scenario, watcher?: RunWatcher, signal?: AbortSignal): Promise<Figures> {
  const until = scenario.minutes * minute;
  const clients = new Clients(scenario, watcher);
  const { askers, arrivals } = openWorkload(scenario);
  for (const asker of askers) void clients.live(asker);
  for (const fault of scenario.faults)
    if (fault.kind === 'flood')
      for (let index = 0; index < fault.clients; index++) void clients.live(new FloodingClient(1000 * fault.at, index));
  const { time } = clients.fleet;
  if (watcher !== undefined) void clients.sample(watcher);
  for await (const arrival of arrivals) {
    if (arrival.atMs > until) break;
    await time.run(arrival.atMs, signal);
    if (signal?.aborted === true) break;
    void clients.arrive(arrival);
  }
  await time.run(until, signal);
  return clients.observer.figures(time.now());
}

/** Everybody who asks. */
class Clients {
  readonly fleet: VirtualFleet;
  readonly observer: Observer;
  readonly #scenario: Scenario;
  readonly #watcher: RunWatcher | undefined;
  #asked = 0;

  constructor(scenario: Scenario, watcher: RunWatcher | undefined) {
    this.#scenario = scenario;
    this.#watcher = watcher;
    this.observer = new Observer(scenario.warmUpMinutes * minute);
    this.fleet = new VirtualFleet(scenario);
  }

  /** Tells how the fleet does, now and then. */
  async sample(watcher: RunWatcher): Promise<never> {
    const { time } = this.fleet;
    for (;;) {
      await time.sleep(sampleMs);
      watcher.sample({ at: time.now(), ...this.fleet.load() });
    }
  }

  /** Asks, waits, and asks again. */
  async live(asker: Asker): Promise<never> {
    const { time, preset } = this.fleet;
    let version = 0;
    let written = new WrittenConversation(preset.blockTokens);
    for (let waitMs = asker.firstDelay(); ;) {
      if (waitMs > 0) await time.sleep(waitMs);
      const turn = asker.next();
      if (turn.version !== version) written = new WrittenConversation(preset.blockTokens);
      version = turn.version;
      await this.#ask(turn, written.take(turn), asker.client);
      waitMs = asker.answered(turn, time.now());
    }
  }

  /** Asks once. */
  async arrive({ turn, client }: Arrival): Promise<void> {
    await this.#ask(turn, new WrittenConversation(this.fleet.preset.blockTokens).take(turn), client);
  }

  /** Asks until it is answered: a client that is sent away comes back when it is told to. */
  async #ask(turn: Turn, written: WrittenTurn, flow: string): Promise<void> {
    const { time, pool } = this.fleet;
    const { prompt, bytes, kvBlocks } = written;
    const { promptTokens, freshTokens, session, answer } = turn;
    const { sessionHeader } = this.#scenario;
    const policy = productPolicy(this.#scenario);
    const engine = { id: String(this.#asked++), promptTokens, outputTokens: answer.tokens, blocks: kvBlocks };
    const work = {
      pool: pool.pool,
      flow,
      bytes,
      prompt,
      maxTokens: 0,
      streamed: true,
      ...(sessionHeader && { session }),
      ...(policy && { policy }),
    };
    const firstAskedAt = time.now();
    const sizes = { client: flow, promptTokens, freshTokens };
    for (let askedAt = firstAskedAt; ; askedAt = time.now()) {
      let firstAt: number | undefined;
      const ask = { work, engine, first: (): void => void (firstAt = time.now()) };
      const answering = this.fleet.balanced()?.serve(ask);
      this.observer.asked(this.fleet.inFlight);
      const served = (await answering) ?? { kind: 'broken' };
      const lastAt = time.now();
      const times = { ...sizes, firstAt: firstAt ?? lastAt, lastAt };
      if (served.kind === 'done') {
        const { cachedTokens } = served;
        return this.#seen({
          outcome: 'done',
          askedAt: firstAskedAt,
          ...times,
          cachedTokens,
          outputTokens: answer.tokens,
        });
      }
      const code = served.kind === 'refused' ? '429' : 'reset';
      this.#seen({ outcome: served.kind, code, askedAt, ...times, cachedTokens: 0, outputTokens: 0 });
      await time.sleep(served.kind === 'refused' ? served.retryAfterMs : brokenRetryMs);
    }
  }

  /** Figures are those of everybody else than a flood. */
  #seen(record: RequestRecord): void {
    if (record.client !== floodClient) this.observer.add(record);
    this.#watcher?.request(record);
  }
}
