import type { Logger } from '#shared/runtime/log.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Usage } from '../dialects/dialect.ts';
import type { RouterMetrics } from './metrics.ts';

/** What an exchange is measured with. */
export interface ExchangeOptions {
  readonly requestId: string;
  readonly clientRequestId: string | undefined;
  readonly route: string;
  readonly clock: Clock;
  readonly metrics: RouterMetrics;
  readonly log: Logger;
}

/** Ids, times and counts of one request: the source of its headers, its metrics and its one line in the log. */
export class Exchange {
  readonly requestId: string;
  readonly #options: ExchangeOptions;
  readonly #startedAt: number;
  readonly #facts: Record<string, unknown> = {};
  #firstTokenAt: number | undefined;
  #lastTokenAt = 0;
  #frames = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.requestId = options.requestId;
    this.#startedAt = options.clock.monotonic();
  }

  /** Adds facts to the request's line; ids and numbers only, never a body or a secret. */
  note(facts: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#facts, facts);
  }

  /** Headers of every answer. */
  headers(): Record<string, string> {
    const { requestId, clientRequestId } = this.#options;
    return {
      'x-request-id': requestId,
      ...(clientRequestId !== undefined && { 'x-client-request-id': clientRequestId }),
      'openai-processing-ms': String(this.#sinceStartMs()),
    };
  }

  /** A frame with content went to the client. */
  token(): void {
    const { clock, metrics } = this.#options;
    const now = clock.monotonic();
    this.#frames += 1;
    if (this.#firstTokenAt === undefined) metrics.firstToken.observe((now - this.#startedAt) / 1000);
    else metrics.interToken.observe((now - this.#lastTokenAt) / 1000);
    this.#firstTokenAt ??= now;
    this.#lastTokenAt = now;
  }

  /** Tokens as the engine counted them. */
  used(usage: Usage | undefined): void {
    if (usage === undefined) return;
    const { metrics } = this.#options;
    metrics.tokens.inc({ kind: 'prompt' }, usage.promptTokens);
    metrics.tokens.inc({ kind: 'output' }, usage.completionTokens);
    this.note({
      promptTokens: usage.promptTokens,
      outputTokens: usage.completionTokens,
      cachedTokens: usage.cachedTokens,
    });
  }

  /** Ends the exchange with the status that the client saw, or 499; `code` names an error. */
  close(status: number, code: string | undefined): void {
    const { metrics, route, log, requestId, clientRequestId } = this.#options;
    metrics.requests.inc({ route, status: String(status) });
    if (code !== undefined) metrics.errors.inc({ code });
    const durationMs = this.#sinceStartMs();
    metrics.duration.observe(durationMs / 1000);
    const ttftMs = this.#firstTokenAt === undefined ? undefined : Math.round(this.#firstTokenAt - this.#startedAt);
    log.info(
      { requestId, clientRequestId, route, status, code, ...this.#facts, ttftMs, durationMs, frames: this.#frames },
      'request.done',
    );
  }

  #sinceStartMs(): number {
    return Math.round(this.#options.clock.monotonic() - this.#startedAt);
  }
}
