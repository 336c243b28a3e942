import type { ServerResponse } from 'node:http';
import type { Clock } from '#shared/runtime/clock.ts';
import { parseBody } from '../apis/read-request.ts';
import type { GenerationApi, ModelLimits } from '../apis/generation-api.ts';
import type { Answer, ModelRequest } from '../model/answer.ts';
import { EngineDriver } from './engine-driver.ts';
import type { Engine } from '../engine/engine.ts';
import type { KvEventPublisher } from '../kv-events/kv-event-publisher.ts';
import { FaultPlan, type Fault } from './faults.ts';
import { ModelMetrics, type FinishedReason } from './model-metrics.ts';
import { BackgroundReply, StreamReply, WholeReply, type Reply } from './reply.ts';
import { tokenId } from '../model/tokens.ts';
import { engineDead, objectError, overloaded } from '../model/vllm-errors.ts';
import { inTurns, writeChoices } from '../model/write-answer.ts';

/** How long a dead engine's server lives on, as measured on vLLM 0.32. */
const deathRattleMs = 1400;

/** What the desk needs; times in milliseconds. */
export interface CompletionDeskOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** 1 is real time, 0.1 ten times as fast. */
  readonly timeScale: number;
  readonly seed: number;
  /** The name under which the model is served. */
  readonly model: string;
  readonly maxModelTokens: number;
  /** Requests that may wait, for their tokens or for the engine, before new ones get a 503. */
  readonly maxQueuedRequests: number;
  readonly stalledReaderTimeoutMs: number;
  readonly faults: readonly Fault[];
  /** Where KV events go; the engine must keep them then. */
  readonly kvEvents?: KvEventPublisher | undefined;
  /** Ends the process at once, as a crash would. */
  readonly die: () => void;
}

/** One request that has been read off the socket. */
export interface Exchange {
  readonly api: GenerationApi;
  readonly text: string;
  readonly response: ServerResponse;
  readonly requestId: string;
}

/** A stalled desk does as vLLM does after SIGTERM: it looks healthy and answers nothing. */
type Phase = 'loading' | 'serving' | 'draining' | 'stalled' | 'dead';

/** Takes completion requests, drives the engine with them and hands the tokens to the clients. */
export class CompletionDesk implements Disposable {
  readonly metrics: ModelMetrics;
  readonly faults: FaultPlan;
  readonly #options: CompletionDeskOptions;
  readonly #driver: EngineDriver;
  readonly #replies = new Set<Reply>();
  #phase: Phase = 'loading';
  #accepted = 0;
  #idle: (() => void) | undefined;
  #dying: NodeJS.Timeout | undefined;

  constructor(options: CompletionDeskOptions) {
    this.#options = options;
    this.#driver = new EngineDriver(options, () => this.#publishKvEvents());
    this.metrics = new ModelMetrics(options.model, options.engine.preset);
    this.faults = new FaultPlan(options.seed);
    this.setFaults(options.faults);
  }

  /** Requests that have not got their last byte. */
  get open(): number {
    return this.#replies.size;
  }

  get limits(): ModelLimits {
    const { engine, model, maxModelTokens, kvEvents } = this.#options;
    return { model, maxModelTokens, blockTokens: engine.preset.blockTokens, keepsTokens: kvEvents !== undefined };
  }

  loaded(): void {
    if (this.#phase === 'loading') this.#phase = 'serving';
  }

  healthy(): boolean {
    return this.#phase === 'serving' || this.#phase === 'stalled';
  }

  setFaults(faults: readonly Fault[]): void {
    this.faults.replace(faults);
    this.#options.engine.setSlowdown(this.faults.slowdown());
  }

  /** @throws VllmError while the engine is loading, draining, stalled or dead, or its queue is full. */
  refuseUnlessServing(): void {
    const unavailable = (message: string): Error => objectError({ status: 503, message, type: 'Service Unavailable' });
    const stalled = 'cannot schedule new futures after shutdown';
    if (this.#phase === 'loading') throw unavailable('The model is still loading. Please try again later.');
    if (this.#phase === 'draining') throw unavailable('The server is shutting down. Please try a different instance.');
    if (this.#phase === 'stalled') throw objectError({ status: 500, message: stalled, type: 'InternalServerError' });
    if (this.#phase === 'dead') throw engineDead();
    if (this.#driver.waiting < this.#options.maxQueuedRequests) return;
    this.metrics.rejected();
    throw overloaded();
  }

  /** Answers one request, or lets a fault strike it. @throws VllmError when it is refused. */
  answer(exchange: Exchange): void {
    const receivedAt = this.#options.clock.monotonic();
    const request = exchange.api.read(parseBody(exchange.text, this.limits), this.limits);
    this.refuseUnlessServing();
    const fault = this.faults.strike();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') {
      const message = 'A fault that was asked for.';
      throw objectError({ status: fault.status, message, type: 'InternalServerError' });
    }
    this.#begin(exchange, request, { fault, receivedAt });
  }

  /** Forgets every cached block; false, and nothing happens, while a request runs. */
  clearCache(): boolean {
    const cleared = this.#options.engine.clearCache();
    this.#publishKvEvents();
    return cleared;
  }

  /** Lets running answers end, for `timeoutMs` at most. With the fault `stall-on-term` they stall instead. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#phase === 'dead') return;
    const stalls = this.faults.stallsOnTerm();
    this.#phase = stalls ? 'stalled' : 'draining';
    if (stalls) for (const reply of this.#replies) reply.freeze();
    else if (this.#replies.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#idle = () => {
        if (stalls) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#dying);
    this.#driver[Symbol.dispose]();
  }

  #begin(
    exchange: Exchange,
    request: ModelRequest,
    { fault, receivedAt }: { fault: Fault | undefined; receivedAt: number },
  ): void {
    const { response, api } = exchange;
    const answer = this.#plan(exchange, request);
    const { outputTokens, blocks } = withOutput(answer, request);
    this.#options.kvEvents?.remember(request.prompt.chain);
    const breakpoint = fault && { afterTokens: fault.afterTokens, strike: () => this.#strike(fault, reply, response) };
    const { stalledReaderTimeoutMs, clock } = this.#options;
    const seconds = (): number => (clock.monotonic() - receivedAt) / 1000;
    // Not the client's id: two attempts with the same one may run side by side.
    const id = String((this.#accepted += 1));
    let made = 0;
    let ended = false;
    const end = (reason: FinishedReason): void => {
      if (ended) return;
      ended = true;
      this.metrics.finished(reason);
    };
    const leave = (): void => {
      this.#driver.cancel(id);
      end('abort');
      this.#replies.delete(reply);
      if (this.#replies.size === 0) this.#idle?.();
    };
    const errorBody = api.error ?? (({ body }) => body);
    const rendering = request.render(answer);
    const options = { response, rendering, errorBody, total: outputTokens, breakpoint, stalledReaderTimeoutMs };
    const Kind = request.stream ? StreamReply : WholeReply;
    const reply: Reply = request.background ? new BackgroundReply(options, leave) : new Kind(options);
    this.#replies.add(reply);
    if (!request.background) response.on('close', leave);
    reply.begin();
    this.#driver.submit(
      { id, promptTokens: answer.promptTokens, outputTokens, blocks },
      {
        admitted: (cachedTokens) => (answer.cachedTokens = cachedTokens),
        tokens: (count, last) => {
          if (made === 0) this.metrics.firstToken(seconds());
          made = count;
          if (last) {
            this.metrics.endToEnd(seconds());
            end(answer.choices[0]?.finishReason === 'length' ? 'length' : 'stop');
          }
          reply.tokens(count);
        },
      },
      receivedAt,
    );
  }

  #plan({ requestId }: Exchange, request: ModelRequest): Answer {
    const { seed, model, clock } = this.#options;
    const { prompt } = request;
    const choices = writeChoices(request, seed ^ prompt.chain.fingerprint);
    return {
      id: requestId,
      model,
      created: Math.floor(clock.now() / 1000),
      choices,
      tokens: inTurns(choices),
      promptTokens: prompt.tokens,
      cachedTokens: 0,
    };
  }

  #publishKvEvents(): void {
    const { kvEvents, engine, clock } = this.#options;
    if (kvEvents === undefined) return;
    const events = engine.takeCacheEvents();
    if (events.length > 0) kvEvents.publish(events, clock.now() / 1000, this.faults.strikeBatch());
  }

  #strike(fault: Fault, reply: Reply, response: ServerResponse): void {
    const { socket } = response;
    // The frames of this turn of the loop are still corked: a process that dies now would take them along.
    if (fault.kind === 'die') setImmediate(this.#options.die);
    else if (fault.kind === 'error-frame') reply.fail(engineDead());
    else if (fault.kind === 'engine-death') this.#collapse();
    else if (fault.kind !== 'truncate') reply.freeze();
    else if (fault.ending === 'end') response.end();
    else if (fault.ending === 'reset') socket?.resetAndDestroy();
    else socket?.destroySoon();
  }

  #collapse(): void {
    this.#phase = 'dead';
    for (const reply of this.#replies) reply.fail(engineDead());
    this.#dying = setTimeout(() => this.#options.die(), deathRattleMs);
  }
}

/** Of several choices the first is what may come back in a prompt. */
function withOutput(answer: Answer, request: ModelRequest): { outputTokens: number; blocks: readonly number[] } {
  const { chain } = request.prompt;
  for (const { part, at } of answer.tokens) if (part.choice === 0) chain.add(tokenId(part.tokens[at] ?? ''));
  return { outputTokens: answer.tokens.length, blocks: chain.blocks };
}
