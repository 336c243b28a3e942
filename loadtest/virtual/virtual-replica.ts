import type { PoolReplica } from '#shared/contract/replica.ts';
import { Engine } from '#loadtest/sim/engine/engine.ts';
import type { EngineRequest } from '#loadtest/sim/engine/sequence.ts';
import { tokenizingMs } from '#loadtest/sim/engine/tokenizing.ts';
import type { EnginePreset } from '#loadtest/sim/engine/presets.ts';
import type { ReplicaSignals } from '../../router/replicas/replica-view.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Who hears of a request on a replica; at the replica, that is, before the way back. */
export interface Hearer {
  /** Its first token is there. */
  first(cachedTokens: number): void;
  last(): void;
  /** The process is gone. */
  lost(): void;
}

/** A replica in virtual time: the simulated engine, which wakes at the ends of its steps and may die. */
export class VirtualReplica {
  readonly replica: PoolReplica;
  readonly #preset: EnginePreset;
  readonly #time: VirtualTime;
  readonly #requests = new Map<string, { readonly hearer: Hearer; cachedTokens: number }>();
  #engine: Engine;
  #wakesAt = Infinity;
  #startedAt = 0;
  isUp = true;

  constructor(time: VirtualTime, replica: PoolReplica, preset: EnginePreset) {
    this.#time = time;
    this.replica = replica;
    this.#preset = preset;
    this.#engine = newEngine(preset);
  }

  /** That are there, whether they wait or run. */
  get requests(): number {
    return this.#requests.size;
  }

  /** Takes a request; false when nobody is there. */
  submit(request: EngineRequest, hearer: Hearer): boolean {
    if (!this.isUp) return false;
    this.#requests.set(request.id, { hearer, cachedTokens: 0 });
    this.#time.quietlyAt(this.#time.now() + tokenizingMs(request.promptTokens), () => {
      if (!this.#requests.has(request.id)) return;
      this.#advance();
      this.#engine.submit(request, this.#time.now());
      this.#advance();
    });
    return true;
  }

  /** Its client has gone. */
  cancel(id: string): void {
    if (!this.#requests.delete(id)) return;
    this.#advance();
    this.#engine.cancel(id);
    this.#advance();
  }

  /** The process dies with its cache and all its requests. */
  kill(): void {
    this.isUp = false;
    this.#engine = newEngine(this.#preset);
    this.#wakesAt = Infinity;
    const lost = [...this.#requests.values()];
    this.#requests.clear();
    for (const { hearer } of lost) hearer.lost();
  }

  start(): void {
    this.isUp = true;
    this.#startedAt = this.#time.now();
  }

  /** Every step from now on takes this many times as long. */
  setSlowdown(factor: number): void {
    this.#advance();
    this.#engine.setSlowdown(factor);
    this.#advance();
  }

  /** What its metrics say. */
  signals(): ReplicaSignals {
    this.#advance();
    const { running, waiting, kvUsage, promptTokens, cachedTokens, preemptions } = this.#engine.stats();
    return {
      running,
      waiting,
      kvUse: kvUsage,
      kvTokens: this.#preset.kvTokens,
      cacheQueries: promptTokens,
      cacheHits: cachedTokens,
      preemptions,
      processStart: this.#startedAt / 1000,
    };
  }

  #advance(): void {
    for (const event of this.#engine.advance(this.#time.now())) {
      const request = this.#requests.get(event.id);
      if (request === undefined) continue;
      if (event.type === 'admitted') request.cachedTokens = event.cachedTokens;
      else if (event.index === 0) request.hearer.first(request.cachedTokens);
      if (event.type !== 'token' || !event.last) continue;
      this.#requests.delete(event.id);
      request.hearer.last();
    }
    const next = this.#engine.nextEventAt();
    if (next === undefined || next === this.#wakesAt) return;
    this.#wakesAt = next;
    this.#time.quietlyAt(next, () => {
      // An earlier event may have been scheduled since.
      if (this.#wakesAt === next) this.#wake();
    });
  }

  #wake(): void {
    this.#wakesAt = Infinity;
    this.#advance();
  }
}

function newEngine(preset: EnginePreset): Engine {
  return new Engine(preset, { everyToken: false });
}
