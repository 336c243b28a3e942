import type { Clock } from '#shared/runtime/clock.ts';
import type { Engine } from '../engine/engine.ts';
import type { EngineRequest } from '../engine/sequence.ts';
import { tokenizingMs } from '../engine/tokenizing.ts';

/** What the owner of a request hears, in order. */
export interface EngineListener {
  admitted(cachedTokens: number): void;
  /** So many output tokens are there now. */
  tokens(count: number, last: boolean): void;
}

/** Drives an engine in wall time: one timer, set to the end of the engine's step. */
export class EngineDriver implements Disposable {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #timeScale: number;
  readonly #startedAt: number;
  readonly #onSteps: () => void;
  readonly #listeners = new Map<string, EngineListener>();
  readonly #tokenizing = new Map<string, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  /** `timeScale` 1 is real time; 0.1 lets the engine run ten times as fast. `onSteps` is called when it has run. */
  constructor({ engine, clock, timeScale }: { engine: Engine; clock: Clock; timeScale: number }, onSteps: () => void) {
    this.#engine = engine;
    this.#onSteps = onSteps;
    this.#clock = clock;
    this.#timeScale = timeScale;
    this.#startedAt = clock.monotonic();
  }

  /** Requests that are not running yet: those of the engine's queue and those that are being cut into tokens. */
  get waiting(): number {
    return this.#tokenizing.size + this.#engine.stats().waiting;
  }

  /**
   * The engine has the request as soon as a real server had cut it into tokens; what that takes here is within that time.
   * `receivedAt`: when its body was there. @throws RangeError when the request can never run.
   */
  submit(request: EngineRequest, listener: EngineListener, receivedAt: number): void {
    this.#engine.check(request);
    this.#listeners.set(request.id, listener);
    const readyAt = receivedAt + tokenizingMs(request.promptTokens) * this.#timeScale;
    const waitMs = readyAt - this.#clock.monotonic();
    if (waitMs <= 0) return this.#enter(request);
    this.#tokenizing.set(
      request.id,
      setTimeout(() => this.#enter(request), waitMs),
    );
  }

  /** Frees the request's slot at once; nothing happens when it is over already. */
  cancel(id: string): void {
    this.#listeners.delete(id);
    clearTimeout(this.#tokenizing.get(id));
    this.#tokenizing.delete(id);
    if (this.#engine.cancel(id)) this.#run();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    for (const timer of this.#tokenizing.values()) clearTimeout(timer);
    this.#listeners.clear();
  }

  #enter(request: EngineRequest): void {
    this.#tokenizing.delete(request.id);
    this.#run();
    this.#engine.submit(request, this.#now());
    this.#run();
  }

  #now(): number {
    return (this.#clock.monotonic() - this.#startedAt) / this.#timeScale;
  }

  #run(): void {
    if (this.#disposed) return;
    const grown = new Map<string, { count: number; last: boolean }>();
    for (const event of this.#engine.advance(this.#now())) {
      if (event.type === 'admitted') this.#listeners.get(event.id)?.admitted(event.cachedTokens);
      else grown.set(event.id, { count: event.index + 1, last: event.last });
    }
    clearTimeout(this.#timer);
    const next = this.#engine.nextEventAt();
    if (next !== undefined)
      this.#timer = setTimeout(() => this.#run(), Math.max(0, (next - this.#now()) * this.#timeScale));
    for (const [id, { count, last }] of grown) {
      const listener = this.#listeners.get(id);
      if (last) this.#listeners.delete(id);
      listener?.tokens(count, last);
    }
    this.#onSteps();
  }
}
