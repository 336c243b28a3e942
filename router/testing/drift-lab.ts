import { Engine } from '#loadtest/sim/engine/engine.ts';
import { presets } from '#loadtest/sim/engine/presets.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { Brain, tickMs } from '../pick/brain.ts';
import type { Slot } from '../pick/picker.ts';
import { labAnswerLimits } from './brain-lab.ts';
import { MemoryLedgerHub } from './memory-ledger-channel.ts';
import { blockTokens, Talk, type TalkRules } from './drift-talk.ts';

/** One experiment: what the router is told of the engines' caches, and how conversations go. */
export interface DriftCase extends TalkRules {
  readonly engineers: number;
  /** KV tokens that the pool's document tells, as a multiple of the true ones. */
  readonly told: number;
  /** Requests per second of somebody who goes around the router. */
  readonly strangers?: number;
}

/** What came out: tokens of all answers after the warm-up. */
export interface Drift {
  requests: number;
  prompt: number;
  predicted: number;
  reported: number;
  /** Predicted and not there; there and not predicted. */
  over: number;
  under: number;
  /** Seconds to each first token. */
  readonly firstTokens: number[];
}

interface Engineer {
  talk: Talk;
  wakesAt: number;
}

interface Running {
  readonly slot: Slot | undefined;
  readonly engineer: Engineer | undefined;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly sentAt: number;
  cachedTokens: number;
}

const replicas = 4;
const never = new AbortController().signal;
const many = { inFlightMax: 1e6, queueMax: 1e6, queueBytesMax: 1e12, turnTimeoutMs: 1e9, capacityTimeoutMs: 1e9 };

/** A router's brain before engines with caches that are too small for all conversations, in virtual time. */
export class DriftLab {
  readonly #case: DriftCase;
  readonly #random: () => number;
  readonly #engines = new Map<string, Engine>();
  readonly #engineers: Engineer[];
  readonly #running = new Map<string, Running>();
  readonly #brain: Brain;
  readonly #pool;
  readonly #drift: Drift = { requests: 0, prompt: 0, predicted: 0, reported: 0, over: 0, under: 0, firstTokens: [] };
  #time = 0;
  #ids = 0;
  #strangerAt: number;
  #isWarm = false;

  constructor(options: DriftCase, seed: number) {
    this.#case = options;
    this.#random = seededRandom(seed);
    const preset = presets['30b-a3b-h200'];
    const { engine } = poolDocument();
    const kvTokens = Math.round(preset.kvTokens * options.told);
    this.#pool = poolDocument({
      replicas: Array.from({ length: replicas }, (_, at) => ({
        ...replicaAt(at + 1),
        replicaId: `00000000-0000-8001-8000-00000000000${at}`,
      })),
      engine: { ...engine, kvTokens },
    });
    for (const { replicaId } of this.#pool.replicas) this.#engines.set(replicaId, new Engine(preset));
    const clock: Clock = {
      now: () => this.#time,
      monotonic: () => this.#time,
      sleep: () => new Promise(() => {}),
      after: () => () => {},
    };
    const channel = new MemoryLedgerHub({ seed, lagMs: 0 }).open('a');
    const answerLimits = labAnswerLimits;
    this.#brain = new Brain({ router: 'a', epoch: 1, channel, limits: many, answerLimits, clock });
    this.#brain.setPools([this.#pool]);
    this.#engineers = Array.from({ length: options.engineers }, () => ({
      talk: new Talk(options, this.#random),
      wakesAt: 60_000 * this.#random(),
    }));
    this.#strangerAt = options.strangers === undefined ? Infinity : 0;
  }

  /** Runs for so many seconds after a warm-up. */
  async run(seconds: number, warmUpSeconds: number): Promise<Drift> {
    const [warmAt, endAt] = [1000 * warmUpSeconds, 1000 * (warmUpSeconds + seconds)];
    let tickAt = 0;
    while (this.#time < endAt) {
      const next = Math.min(tickAt, this.#strangerAt, ...this.#engineers.map(({ wakesAt }) => wakesAt));
      const step = Math.min(...[...this.#engines.values()].map((engine) => engine.nextEventAt() ?? Infinity));
      this.#time = Math.min(next, step);
      this.#isWarm = this.#time >= warmAt;
      for (const engine of this.#engines.values()) this.#advance(engine);
      if (this.#time >= tickAt) {
        this.#brain.tick();
        tickAt += tickMs;
      }
      if (this.#time >= this.#strangerAt) this.#visit();
      for (const engineer of this.#engineers) if (engineer.wakesAt <= this.#time) await this.#send(engineer);
    }
    return this.#drift;
  }

  async #send(engineer: Engineer): Promise<void> {
    engineer.wakesAt = Infinity;
    const { talk } = engineer;
    const { keys, bytesUpTo, firstUserEnd, promptTokens, blocks, outputTokens } = talk.next();
    const prompt = { keys, bytesUpTo, firstUserEnd };
    const work = { pool: this.#pool.pool, flow: 'token', bytes: 10, prompt, maxTokens: 0, streamed: true };
    const slot = await this.#brain.acquire(work, never);
    slot.accepted();
    this.#submit(slot.replica.replicaId, { slot, engineer, promptTokens, outputTokens }, blocks);
  }

  /** Somebody's prompt of 30,000 tokens that no router has seen. */
  #visit(): void {
    this.#strangerAt += 1000 / (this.#case.strangers ?? 1);
    const replica = this.#pool.replicas[Math.floor(this.#random() * replicas)]?.replicaId ?? '';
    const blocks = Array.from({ length: 30_000 / blockTokens }, () => this.#random() * 2 ** 50);
    this.#submit(
      replica,
      { slot: undefined, engineer: undefined, promptTokens: 30_000, outputTokens: blockTokens },
      blocks,
    );
  }

  #submit(replica: string, parts: Omit<Running, 'sentAt' | 'cachedTokens'>, blocks: readonly number[]): void {
    const engine = this.#engines.get(replica);
    const id = `${this.#ids++}`;
    const { promptTokens, outputTokens } = parts;
    this.#running.set(id, { ...parts, sentAt: this.#time, cachedTokens: 0 });
    engine?.submit({ id, promptTokens, outputTokens, blocks }, this.#time);
    if (engine !== undefined) this.#advance(engine);
  }

  #advance(engine: Engine): void {
    if ((engine.nextEventAt() ?? 0) > this.#time) return;
    for (const event of engine.advance(this.#time)) {
      const running = this.#running.get(event.id);
      if (running === undefined) continue;
      if (event.type === 'admitted') running.cachedTokens = event.cachedTokens;
      else if (event.last) this.#end(event.id, running);
      else if (event.index === 0) this.#began(running, event.at);
    }
  }

  #began({ slot, sentAt }: Running, at: number): void {
    if (slot === undefined) return;
    slot.began();
    if (this.#isWarm) this.#drift.firstTokens.push((at - sentAt) / 1000);
  }

  #end(id: string, { slot, engineer, promptTokens, outputTokens, cachedTokens }: Running): void {
    this.#running.delete(id);
    if (slot === undefined || engineer === undefined) return;
    slot.ended({ kind: 'answered', usage: { promptTokens, completionTokens: outputTokens, cachedTokens } });
    slot[Symbol.dispose]();
    engineer.wakesAt = this.#time + engineer.talk.pauseMs();
    if (!this.#isWarm) return;
    const missing = slot.predictedCachedTokens - cachedTokens;
    this.#drift.requests += 1;
    this.#drift.prompt += promptTokens;
    this.#drift.predicted += slot.predictedCachedTokens;
    this.#drift.reported += cachedTokens;
    this.#drift.over += Math.max(0, missing);
    this.#drift.under += Math.max(0, -missing);
  }
}
