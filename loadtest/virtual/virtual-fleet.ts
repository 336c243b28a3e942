import type { PoolDocument } from '#shared/contract/replica.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { EnginePreset } from '#loadtest/sim/engine/presets.ts';
import type { Sample } from '#loadtest/record/run-folder.ts';
import { kubeai } from './rivals/kubeai.ts';
import { llmD, llmDActive } from './rivals/llm-d.ts';
import { Rival, type RivalRule } from './rivals/rival.ts';
import type { Fault, Scenario } from './scenario.ts';
import { poolOf } from './virtual-pool.ts';
import { VirtualRedis } from './virtual-redis.ts';
import { VirtualReplica } from './virtual-replica.ts';
import { VirtualRouter } from './virtual-router.ts';
import { ProcessTime, VirtualTime } from './virtual-time.ts';

/** Between a router and a replica, and through Redis to other routers, milliseconds. */
const [hopMs, redisLagMs] = [0.5, 1] as const;

/** Routers and replicas of a scenario, and what happens to them. */
export class VirtualFleet {
  readonly time = new VirtualTime();
  readonly pool: PoolDocument;
  readonly preset: EnginePreset;
  readonly #scenario: Scenario;
  readonly #redis = new VirtualRedis(this.time, redisLagMs);
  readonly #replicas: readonly VirtualReplica[];
  readonly #routers: VirtualRouter[];
  /** Of the balancer, and of rules that choose at random. */
  readonly #random: () => number;

  constructor(scenario: Scenario) {
    const { seed, routers, replicas, preset, faults } = scenario;
    this.#scenario = scenario;
    this.#random = seededRandom(seed);
    this.preset = preset;
    this.pool = poolOf(replicas, this.preset);
    this.#replicas = this.pool.replicas.map((replica) => new VirtualReplica(this.time, replica, this.preset));
    this.#routers = Array.from({ length: routers }, (_, index) => this.#start(index));
    for (const fault of faults) this.time.after(1000 * fault.at, () => void this.#suffer(fault));
  }

  get inFlight(): number {
    return this.#routers.reduce((sum, router) => sum + router.inFlight, 0);
  }

  /** What each replica has, and what waits in routers. */
  load(): Omit<Sample, 'at'> {
    const inFlight = this.#replicas.map(({ requests }) => requests);
    return { inFlight, queued: this.#routers.reduce((sum, { waiting }) => sum + waiting, 0) };
  }

  /** A router that is there, as a layer-4 balancer takes it. */
  balanced(): VirtualRouter | undefined {
    const there = this.#routers.filter(({ isUp }) => isUp);
    return there[Math.floor(this.#random() * there.length)];
  }

  #start(index: number): VirtualRouter {
    const router = `router-${index}`;
    const time = new ProcessTime(this.time);
    // Whoever's rule it is: only Fairway's routers share what they know.
    const redis = this.#scenario.policy === 'affinity' ? this.#redis : new VirtualRedis(this.time, redisLagMs);
    const replicas = new Map(this.#replicas.map((one) => [one.replica.replicaId, one]));
    const rule = this.#ruleOf(this.#scenario.policy);
    const rival =
      rule &&
      new Rival({
        rule,
        replicas: this.pool.replicas,
        signalsOf: (id) => replicas.get(id)?.signals() ?? {},
      });
    const channel = redis.open(router, time);
    const { lateBinding } = this.#scenario;
    return new VirtualRouter(router, { time, pool: this.pool, replicas, hopMs, channel, rival, lateBinding });
  }

  #ruleOf(policy: Scenario['policy']): RivalRule | undefined {
    const ids = this.pool.replicas.map(({ replicaId }) => replicaId);
    if (policy === 'kubeai') return kubeai(ids, 'prefix');
    if (policy === 'kubeai_session') return kubeai(ids, 'session');
    if (policy === 'llm_d') return llmD(this.#random);
    return policy === 'llm_d_active' ? llmDActive(this.#random) : undefined;
  }

  async #suffer(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'slow':
        for (const replica of this.#replicas.slice(0, fault.replicas)) replica.setSlowdown(fault.factor);
        return;
      case 'kill-replica':
        this.#replicas[fault.index]?.kill();
        await this.time.sleep(1000 * fault.seconds);
        return this.#replicas[fault.index]?.start();
      case 'kill-router':
        await this.#routers[fault.index]?.kill();
        await this.time.sleep(1000 * fault.seconds);
        this.#routers[fault.index] = this.#start(fault.index);
        return;
      case 'pause-router':
        return this.#routers[fault.index]?.pause(1000 * fault.seconds);
      case 'redis':
        this.#redis.isUp = false;
        await this.time.sleep(1000 * fault.seconds);
        this.#redis.isUp = true;
        return;
      case 'flood':
    }
  }
}
