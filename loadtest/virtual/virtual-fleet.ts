import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { EnginePreset } from '#loadtest/sim/engine/presets.ts';
import type { Sample } from '#loadtest/record/run-folder.ts';
import { kubeai } from './rivals/kubeai.ts';
import { llmD, llmDActive } from './rivals/llm-d.ts';
import { Rival, type RivalRule } from './rivals/rival.ts';
import type { Fault, Scenario } from './scenario.ts';
import { poolOf, replicaOf } from './virtual-pool.ts';
import { VirtualRedis } from './virtual-redis.ts';
import { VirtualReplica } from './virtual-replica.ts';
import { VirtualRouter } from './virtual-router.ts';
import { ProcessTime, VirtualTime } from './virtual-time.ts';

/** Between a router and a replica, and through Redis to other routers, milliseconds. */
const [hopMs, redisLagMs] = [0.5, 1] as const;
/** How often it is asked whether a replica that drains has anything left, and for how long at most, milliseconds. */
const [drainBeatMs, drainMs] = [500, 600_000] as const;

/** Routers and replicas of a scenario, and what happens to them. */
export class VirtualFleet {
  readonly time = new VirtualTime();
  pool: PoolDocument;
  readonly preset: EnginePreset;
  readonly #scenario: Scenario;
  readonly #redis = new VirtualRedis(this.time, redisLagMs);
  readonly #replicas: VirtualReplica[];
  /** Those that are there, as routers find them. */
  readonly #byId: Map<string, VirtualReplica>;
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
    this.#byId = new Map(this.#replicas.map((one) => [one.replica.replicaId, one]));
    if (faults.some(({ kind }) => kind === 'cold-start'))
      this.pool = { ...this.pool, replicas: this.pool.replicas.map((one) => ({ ...one, state: 'proving' as const })) };
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
    const replicas = this.#byId;
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
      case 'rollout':
        return this.#rollOut(1000 * fault.seconds);
      case 'cold-start':
        for (const { replica } of this.#replicas) {
          this.#list(replica);
          await this.time.sleep(1000 * fault.seconds);
        }
        return;
      case 'redis':
        this.#redis.isUp = false;
        await this.time.sleep(1000 * fault.seconds);
        this.#redis.isUp = true;
        return;
      case 'flood':
    }
  }

  /** One after the other, as where no GPU is spare: the provisioner's way, but for its proof. */
  async #rollOut(startMs: number): Promise<void> {
    for (const [index, old] of this.#replicas.entries()) {
      this.#list({ ...old.replica, state: 'draining' });
      const deadline = this.time.now() + drainMs;
      while (old.requests > 0 && this.time.now() < deadline) await this.time.sleep(drainBeatMs);
      old.kill();
      this.#byId.delete(old.replica.replicaId);
      this.#setReplicas(this.#others(old.replica));
      await this.time.sleep(startMs);
      const replica = { ...replicaOf(this.#replicas.length + index), revision: 'r2' };
      const successor = new VirtualReplica(this.time, replica, this.preset);
      this.#replicas[index] = successor;
      this.#byId.set(replica.replicaId, successor);
      this.#list(replica);
    }
  }

  /** What routers know of this replica from now on. */
  #list(replica: PoolReplica): void {
    this.#setReplicas([...this.#others(replica), replica]);
  }

  #others({ replicaId }: PoolReplica): PoolReplica[] {
    return this.pool.replicas.filter((one) => one.replicaId !== replicaId);
  }

  #setReplicas(replicas: PoolReplica[]): void {
    this.pool = { ...this.pool, replicas };
    for (const router of this.#routers) if (router.isUp) router.setPool(this.pool);
  }
}
