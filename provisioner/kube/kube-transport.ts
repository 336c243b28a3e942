import { Pool, type Dispatcher } from 'undici';
import { systemClock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { OverdueError, within } from '#shared/runtime/within.ts';
import { KubeError, kubeErrorFromStatus, parseRetryAfter } from './kube-error.ts';
import type { KubeAccess } from './kubeconfig.ts';

/** One HTTP call. `path` is relative to the server; `query` values that are undefined are left out. */
export interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  contentType?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** What a finished call looked like; for metrics. `status` 0 = no answer. */
export interface CallSeen {
  method: Call['method'] | 'WATCH';
  status: number;
  durationMs: number;
}

/** Bounds and dependencies of the transport. */
export interface TransportOptions {
  log: Logger;
  /** Longest time for one call from its start to the last byte of the answer. */
  requestTimeoutMs: number;
  /** Sockets for calls; watches have their own, so that neither starves the other. */
  connectionsMax: number;
  watchesMax: number;
  /** Calls under way or waiting for a socket; above it a call fails at once with `TooManyPending`. */
  pendingMax: number;
  /** Largest answer to a call. */
  responseBytesMax: number;
  now: () => number;
  newRequestId: () => string;
  onCall?: ((seen: CallSeen) => void) | undefined;
}

/** JSON over HTTP/1.1 to one API server, with time-outs and bounds; every failure is a KubeError. */
export class KubeTransport implements AsyncDisposable {
  readonly #access: KubeAccess;
  readonly #options: TransportOptions;
  readonly #calls: Pool;
  readonly #watches: Pool;
  #pending = 0;

  constructor(access: KubeAccess, options: TransportOptions) {
    this.#access = access;
    this.#options = options;
    // HTTP/1.1: over one HTTP/2 connection a single dead peer would stall every call and watch at once.
    const shared = { allowH2: false, connect: { ...access.tls, timeout: options.requestTimeoutMs } };
    this.#calls = new Pool(access.server.origin, {
      ...shared,
      connections: options.connectionsMax,
      maxResponseSize: options.responseBytesMax,
    });
    this.#watches = new Pool(access.server.origin, { ...shared, connections: options.watchesMax, bodyTimeout: 0 });
  }

  /** Sends the call and parses the answer. @throws KubeError, or the signal's reason when the caller gave up. */
  async send(call: Call): Promise<unknown> {
    if (this.#pending >= this.#options.pendingMax) {
      throw new KubeError({
        status: 0,
        reason: 'TooManyPending',
        message: `${title(call)}: ${this.#pending} calls are already pending`,
      });
    }
    this.#pending += 1;
    const seen: Seen = { id: this.#options.newRequestId(), startedAt: performance.now(), status: 0 };
    try {
      const timeout = AbortSignal.timeout(this.#options.requestTimeoutMs);
      const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
      const answer = await this.#request(this.#calls, { ...call, signal }, seen);
      const text = await answer.body.text();
      return this.#read(call, { answer, text, id: seen.id });
    } catch (error) {
      throw this.#wrap(error, call, seen.id);
    } finally {
      this.#pending -= 1;
      this.#report(call.method, call, seen);
    }
  }

  /** Opens a stream of bytes that lives until the server ends it or the signal aborts. @throws like `send`. */
  async *stream(call: Call): AsyncGenerator<Uint8Array, void, undefined> {
    const seen: Seen = { id: this.#options.newRequestId(), startedAt: performance.now(), status: 0 };
    try {
      const answer = await this.#request(this.#watches, call, seen);
      if (answer.statusCode !== 200) this.#read(call, { answer, text: await answer.body.text(), id: seen.id });
      for await (const chunk of answer.body) if (chunk instanceof Uint8Array) yield chunk;
    } catch (error) {
      throw this.#wrap(error, call, seen.id);
    } finally {
      this.#report('WATCH', call, seen);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()]);
  }

  async #request(pool: Pool, call: Call, seen: Seen): Promise<Dispatcher.ResponseData> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) query.set(name, String(value));
    const base = this.#access.server.pathname.replace(/\/$/, '');
    const answer = await pool.request({
      method: call.method,
      path: `${base}${call.path}${query.size === 0 ? '' : `?${query}`}`,
      headers: {
        accept: 'application/json',
        'user-agent': 'fairway-provisioner',
        'audit-id': seen.id,
        ...(call.contentType !== undefined && { 'content-type': call.contentType }),
        ...(await this.#credentials(call)),
      },
      headersTimeout: this.#options.requestTimeoutMs,
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      ...(call.signal !== undefined && { signal: call.signal }),
    });
    seen.status = answer.statusCode;
    return answer;
  }

  /** They may come from a plug-in or another server, which may hang: they have the time of a call, and its signal. */
  #credentials({ signal }: Call): Promise<Record<string, string>> {
    return within(this.#access.headers(), this.#options.requestTimeoutMs, { clock: systemClock, signal });
  }

  #read(call: Call, got: { answer: Dispatcher.ResponseData; text: string; id: string }): unknown {
    const { statusCode, headers } = got.answer;
    const succeeded = statusCode >= 200 && statusCode < 300;
    const body = parseJson(got.text);
    if (succeeded && body !== undefined) return body;
    if (succeeded) {
      throw new KubeError({
        status: 0,
        reason: 'BadResponse',
        message: `${title(call)}: the answer is not JSON`,
        requestId: got.id,
      });
    }
    const retryAfter = headers['retry-after'];
    throw kubeErrorFromStatus({
      what: title(call),
      httpStatus: statusCode,
      body,
      retryAfterMs: parseRetryAfter(typeof retryAfter === 'string' ? retryAfter : undefined, this.#options.now()),
      requestId: got.id,
    });
  }

  #wrap(error: unknown, call: Call, requestId: string): unknown {
    if (error instanceof KubeError) return error;
    if (call.signal?.aborted === true) return call.signal.reason;
    const timedOut =
      error instanceof OverdueError ||
      (error instanceof Error && (error.name === 'TimeoutError' || timeoutCodes.has(codeOf(error))));
    const why = timedOut
      ? `no ${error instanceof OverdueError ? 'credentials' : 'answer'} within ${this.#options.requestTimeoutMs} ms`
      : `the API server cannot be reached (${reasonOf(error)})`;
    const reason = timedOut ? 'Timeout' : 'Unreachable';
    return new KubeError({ status: 0, reason, message: `${title(call)}: ${why}`, requestId, cause: error });
  }

  #report(method: CallSeen['method'], call: Call, seen: Seen): void {
    const durationMs = performance.now() - seen.startedAt;
    this.#options.log.debug(
      { method, path: call.path, status: seen.status, durationMs, requestId: seen.id },
      'kube.call',
    );
    this.#options.onCall?.({ method, status: seen.status, durationMs });
  }
}

interface Seen {
  id: string;
  startedAt: number;
  status: number;
}

const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

function title(call: Call): string {
  return `${call.method} ${call.path}`;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return codeOf(error) || error.message;
}
