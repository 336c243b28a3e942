import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Usage } from '../../replicas/usage.ts';
import type { RouterMetrics } from './metrics.ts';
import { clientIdOf } from './request-ids.ts';

/** What is told of one request: its ids, times and counts, in metrics and log. */
export class RequestRecord {
  readonly id: string;
  /** The client's own. */
  readonly clientId: string | undefined;
  readonly #headers: IncomingHttpHeaders;
  readonly #outside: { readonly metrics: RouterMetrics; readonly clock: Clock; readonly log: Logger };
  readonly #facts: Record<string, unknown> = {};
  readonly #startedAt: number;
  #firstTokenAt: number | undefined;
  #lastTokenAt = 0;
  #tokens = 0;

  constructor(
    id: string,
    headers: IncomingHttpHeaders,
    outside: { metrics: RouterMetrics; clock: Clock; log: Logger },
  ) {
    this.id = id;
    this.clientId = clientIdOf(headers);
    this.#headers = headers;
    this.#outside = outside;
    this.#startedAt = outside.clock.monotonic();
  }

  get facts(): Readonly<Record<string, unknown>> {
    return this.#facts;
  }

  get sinceStartMs(): number {
    return Math.round(this.#outside.clock.monotonic() - this.#startedAt);
  }

  /** Adds facts to the request's line in the log; ids and numbers only, never a body or a secret. */
  note(facts: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#facts, facts);
  }

  /** An event with content went to the client. */
  token(): void {
    const { clock, metrics } = this.#outside;
    const now = clock.monotonic();
    this.#tokens += 1;
    if (this.#firstTokenAt === undefined) metrics.firstToken.observe((now - this.#startedAt) / 1000);
    else metrics.interToken.observe((now - this.#lastTokenAt) / 1000);
    this.#firstTokenAt ??= now;
    this.#lastTokenAt = now;
  }

  /** Tokens as the engine counted them. */
  used({ promptTokens, completionTokens, cachedTokens }: Usage): void {
    const { tokens } = this.#outside.metrics;
    tokens.inc({ kind: 'prompt' }, promptTokens);
    tokens.inc({ kind: 'output' }, completionTokens);
    this.note({ promptTokens, outputTokens: completionTokens, cachedTokens });
  }

  /** It is over, with the status that the client saw, or 499; `code` names an error. */
  close(route: string, status: number, code: string | undefined): void {
    const { metrics, log } = this.#outside;
    // A word of the SDKs, OpenAI's and Anthropic's alike.
    if (Number(this.#headers['x-stainless-retry-count'] ?? 0) > 0) metrics.clientRetries.inc({ route });
    metrics.requests.inc({ route, status: String(status) });
    if (code !== undefined) metrics.errors.inc({ code });
    const durationMs = this.sinceStartMs;
    metrics.duration.observe(durationMs / 1000);
    // What went well is counted, and told to those who ask for each: a line costs as much as ten events of a stream.
    const level = code === undefined ? 'debug' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const ttftMs = this.#firstTokenAt === undefined ? undefined : Math.round(this.#firstTokenAt - this.#startedAt);
    const ids = { requestId: this.id, clientRequestId: this.clientId };
    const told = { ...ids, route, status, code, ...this.#facts, ttftMs, durationMs, frames: this.#tokens };
    log[level](told, 'request.done');
  }
}
