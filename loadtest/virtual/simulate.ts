import type { Routing } from '#shared/contract/desired.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { EnginePreset } from '#loadtest/sim/engine/presets.ts';
import { Engineer, type Turn } from '#loadtest/workload/engineer.ts';
import { Observer, type Figures } from './figures.ts';
import { VirtualRedis } from './virtual-redis.ts';
import { VirtualReplica } from './virtual-replica.ts';
import { VirtualRouter } from './virtual-router.ts';
import { VirtualTime } from './virtual-time.ts';
import { WrittenConversation } from './written-conversation.ts';

/** One run: the same scenario and seed give the same figures. */
export interface Scenario {
  readonly seed: number;
  readonly engineers: number;
  readonly replicas: number;
  /** Behind a layer-4 balancer, which picks one at random for each request. */
  readonly routers: number;
  readonly policy: Routing['policy'];
  /** Clients name their conversations. */
  readonly sessionHeader: boolean;
  readonly preset: EnginePreset;
  readonly minutes: number;
  /** What ends before does not count. */
  readonly warmUpMinutes: number;
}

/** Between a router and a replica, and through Redis to other routers, milliseconds. */
const [hopMs, redisLagMs] = [0.5, 1] as const;
const minute = 60_000;

/** Runs a scenario in virtual time. */
export async function simulate(scenario: Scenario): Promise<Figures> {
  const simulation = new Simulation(scenario);
  return simulation.run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #time = new VirtualTime();
  readonly #redis = new VirtualRedis(this.#time, redisLagMs);
  readonly #pool: PoolDocument;
  readonly #replicas: ReadonlyMap<string, VirtualReplica>;
  readonly #routers: VirtualRouter[];
  readonly #observer: Observer;
  /** Of the balancer. */
  readonly #random: () => number;
  #asked = 0;

  constructor(scenario: Scenario) {
    const { seed, routers, replicas, preset, warmUpMinutes } = scenario;
    this.#scenario = scenario;
    this.#pool = poolOf(replicas, preset);
    this.#replicas = new Map(
      this.#pool.replicas.map((replica) => [replica.replicaId, new VirtualReplica(this.#time, replica, preset)]),
    );
    this.#routers = Array.from({ length: routers }, (_, index) => this.#start(`router-${index}`));
    this.#observer = new Observer(warmUpMinutes * minute);
    this.#random = seededRandom(seed);
  }

  async run(): Promise<Figures> {
    const { engineers, seed, minutes } = this.#scenario;
    for (let index = 0; index < engineers; index++) void this.#live(new Engineer(seed, index), index);
    await this.#time.run(minutes * minute);
    return this.#observer.figures(this.#time.now());
  }

  #start(router: string): VirtualRouter {
    const place = { time: this.#time, pool: this.#pool, replicas: this.#replicas, hopMs };
    const redis = this.#scenario.policy === 'affinity' ? this.#redis : new VirtualRedis(this.#time, redisLagMs);
    return new VirtualRouter(router, { ...place, channel: redis.open(router) });
  }

  /** An engineer's day. */
  async #live(engineer: Engineer, index: number): Promise<never> {
    const { preset } = this.#scenario;
    let version = 0;
    let written = new WrittenConversation(preset.blockTokens);
    await this.#time.sleep(engineer.firstDelay());
    for (;;) {
      const turn = engineer.next();
      if (turn.version !== version) written = new WrittenConversation(preset.blockTokens);
      version = turn.version;
      await this.#ask(turn, written, index);
      await this.#time.sleep(engineer.answered(turn));
    }
  }

  /** Asks until it is answered: a client that is sent away comes back when it is told to. */
  async #ask(turn: Turn, written: WrittenConversation, index: number): Promise<void> {
    const { policy, sessionHeader } = this.#scenario;
    const { prompt, bytes, kvBlocks } = written.take(turn);
    const { promptTokens, freshTokens, session } = turn;
    const outputTokens = turn.answer.tokens;
    const askedAt = this.#time.now();
    const engine = { id: String(this.#asked++), promptTokens, outputTokens, blocks: kvBlocks };
    const own = sessionHeader ? { session } : {};
    const work = { pool: this.#pool.pool, flow: `engineer-${index}`, bytes, prompt, policy, maxTokens: 0, ...own };
    let firstAt = 0;
    const first = (): void => void (firstAt = this.#time.now());
    for (;;) {
      const router = this.#balanced();
      const answer = router?.serve({ work: { ...work, streamed: true }, engine, first });
      this.#observer.asked(this.#routers.reduce((sum, one) => sum + one.inFlight, 0));
      const served = (await answer) ?? { kind: 'broken' };
      if (served.kind === 'done') {
        const sizes = { promptTokens, outputTokens, freshTokens, cachedTokens: served.cachedTokens };
        return this.#observer.done({ askedAt, firstAt, lastAt: this.#time.now(), ...sizes });
      }
      this.#observer[served.kind](this.#time.now());
      await this.#time.sleep(served.kind === 'refused' ? served.retryAfterMs : 500);
    }
  }

  /** A router that is there. */
  #balanced(): VirtualRouter | undefined {
    const there = this.#routers.filter(({ isUp }) => isUp);
    return there[Math.floor(this.#random() * there.length)];
  }
}

function poolOf(replicas: number, preset: EnginePreset): PoolDocument {
  const id = (kind: string, index: number): string => `${kind}-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const metrics = { running: 'running', waiting: 'waiting', kvUse: 'kv_use' };
  return {
    v: 1,
    endpointId: id('00000000', 0),
    team: 'team',
    vpcId: id('00000000', 1),
    pool: id('00000000', 2),
    specRevision: 1,
    models: ['model'],
    engine: {
      profile: 'sim',
      healthPath: '/health',
      metricsPath: '/metrics',
      metrics,
      kvTokens: preset.kvTokens,
      blockTokens: preset.blockTokens,
      contextTokensMax: preset.maxModelTokens,
    },
    upstreamKey: 'key',
    proofKey: 'none',
    replicas: Array.from({ length: replicas }, (_, index) => ({
      replicaId: id('11111111', index),
      name: `replica-${index}`,
      address: '10.0.0.1',
      port: 8000 + index,
      revision: 'r1',
      state: 'ready' as const,
    })),
  };
}
