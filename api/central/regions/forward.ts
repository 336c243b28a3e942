import { Readable } from 'node:stream';
import { Agent, request as send } from 'undici';
import { AppError } from '#shared/contract/errors.ts';
import type { Region } from '#shared/contract/ids.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import { endToEndHeaders, hopHeader } from './forwarded-headers.ts';

/** A request as it goes on; `headers` are the client's, `origin` is the address under which the client sees us. */
export interface ForwardRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: Headers;
  origin: string;
  requestId: string;
  body?: Uint8Array<ArrayBuffer> | undefined;
  /** Ends it before its own time. */
  signal?: AbortSignal;
}

/** Passes requests on to the processes of a region. */
export interface Forwarder extends AsyncDisposable {
  /**
   * Asks one region; the body of its reply flows as the client takes it.
   * @throws AppError `region_unavailable` when none of its processes took the request or a read was not answered,
   * `outcome_unknown` when a change was sent and its answer was lost.
   */
  forward(region: Region, request: ForwardRequest): Promise<Response>;
}

/** Codes of a connection that never came about: nothing was sent. */
const notSent = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND']);

/** Largest reply that is passed on, bytes. */
const replyMaxBytes = 64 * 1024 * 1024;

/**
 * Makes a forwarder. Processes of a region take turns; the next one is tried when nothing was sent, and for reads after any
 * failure (one more attempt than there are processes: a reused connection may have been closed by a restart).
 */
export function createForwarder(options: {
  regions: ReadonlyMap<Region, readonly string[]>;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  changeTimeoutMs: number;
  /** A stream of events is quiet for as long as nothing happens, but for its comments. */
  streamSilenceMs: number;
}): Forwarder {
  const agent = new Agent({
    connect: { timeout: options.connectTimeoutMs },
    keepAliveTimeout: 60_000,
    maxResponseSize: replyMaxBytes,
    headersTimeout: 0,
  });
  let turn = 0;
  return {
    async forward(region, request) {
      const addresses = options.regions.get(region) ?? [];
      turn += 1;
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      const tries = AbortSignal.timeout(options.readTimeoutMs - options.connectTimeoutMs);
      const late = new AbortController();
      using _timer = new Deadline(systemClock, isRead ? options.readTimeoutMs : options.changeTimeoutMs, () =>
        late.abort(new Error('no answer in time')),
      );
      const signal = request.signal === undefined ? late.signal : AbortSignal.any([late.signal, request.signal]);
      let cause: unknown;
      for (let attempt = 0; attempt < addresses.length + (isRead ? 1 : 0); attempt += 1) {
        const address = addresses[(attempt + turn) % addresses.length] ?? '';
        try {
          const isStream = request.headers.get('accept')?.includes('text/event-stream') === true;
          const bodyTimeout = isStream ? options.streamSilenceMs : options.readTimeoutMs;
          return await ask({ dispatcher: agent, bodyTimeout }, address, { ...request, signal });
        } catch (error) {
          cause = error;
          if (!isRead && !isNotSent(error)) throw outcomeUnknown(region, error);
          if (tries.aborted || signal.aborted) break;
        }
      }
      throw unavailable(region, cause);
    },
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

async function ask(
  /** `bodyTimeout`: between two pieces of a body, while the client takes them. */
  how: { dispatcher: Agent; bodyTimeout: number },
  address: string,
  request: ForwardRequest & { signal: AbortSignal },
): Promise<Response> {
  const { protocol, host } = new URL(request.origin);
  const reply = await send(`${address}${request.path}`, {
    ...how,
    method: request.method,
    headers: {
      ...endToEndHeaders(request.headers),
      'x-request-id': request.requestId,
      'x-forwarded-host': host,
      'x-forwarded-proto': protocol.slice(0, -1),
      [hopHeader]: '1',
    },
    body: request.body ?? null,
    signal: request.signal,
  });
  const headers = new Headers(flat(reply.headers));
  const length = headers.get('content-length');
  const empty = request.method === 'HEAD' || length === '0' || reply.statusCode === 204 || reply.statusCode === 304;
  if (empty) await reply.body.dump();
  const body = empty ? null : Readable.toWeb(reply.body);
  const shown = endToEndHeaders(headers);
  return new Response(body, {
    status: reply.statusCode,
    headers: { ...shown, ...(length !== null && !empty && { 'content-length': length }) },
  });
}

function flat(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one]),
  );
}

function isNotSent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && notSent.has(String(error.code));
}

function unavailable(region: Region, cause: unknown): AppError {
  return new AppError('region_unavailable', { message: `The region ${region} does not answer.`, cause });
}

function outcomeUnknown(region: Region, cause: unknown): AppError {
  return new AppError('outcome_unknown', {
    message: `The region ${region} took the change and its answer was lost. Send the same request again.`,
    cause,
  });
}
