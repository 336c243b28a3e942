import { Readable } from 'node:stream';
import { Client, type Dispatcher } from 'undici';
import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import type {
  Upstream,
  UpstreamCall,
  UpstreamFailure,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamTarget,
} from './upstream.ts';

/** Bounds of the connections. */
export interface UndiciUpstreamOptions {
  readonly connectTimeoutMs: number;
  /** Idle connections kept per replica (default 64). */
  readonly idleMax?: number;
  /** How long a connection stays idle (default 4 s: below the 5 s after which uvicorn closes). */
  readonly keepAliveMs?: number;
}

/** One connection: it serves one request at a time and goes back to its replica's free list. */
interface Connection {
  readonly origin: string;
  readonly client: Client;
  served: number;
}

/**
 * Model servers over HTTP/1.1 with undici's dispatch. A free list of single connections stands in place of undici's Pool,
 * since a retry must know whether its connection had served before, and be able to ask for a new one.
 */
export class UndiciUpstream implements Upstream {
  readonly #options: Required<UndiciUpstreamOptions>;
  readonly #idle = new Map<string, Connection[]>();
  readonly #open = new Set<Client>();

  constructor(options: UndiciUpstreamOptions) {
    this.#options = { idleMax: 64, keepAliveMs: 4000, ...options };
  }

  send(target: UpstreamTarget, request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    const origin = httpOrigin(target.address, target.port);
    const connection = (request.fresh ? undefined : this.#idle.get(origin)?.pop()) ?? this.#connect(origin);
    const call = new Call(connection, handler, (healthy) => this.#giveBack(connection, healthy));
    queueMicrotask(() => call.start(request));
    return call;
  }

  forget(target: UpstreamTarget): void {
    const origin = httpOrigin(target.address, target.port);
    for (const { client } of this.#idle.get(origin) ?? []) void client.destroy();
    this.#idle.delete(origin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.destroy()));
  }

  #connect(origin: string): Connection {
    const client = new Client(origin, {
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: this.#options.connectTimeoutMs,
      keepAliveTimeout: this.#options.keepAliveMs,
      keepAliveMaxTimeout: this.#options.keepAliveMs,
    });
    const connection: Connection = { origin, client, served: 0 };
    this.#open.add(client);
    client.on('disconnect', () => this.#drop(connection));
    return connection;
  }

  #giveBack(connection: Connection, healthy: boolean): void {
    const idle = this.#idle.get(connection.origin) ?? [];
    if (!healthy || connection.client.destroyed || idle.length >= this.#options.idleMax) return this.#drop(connection);
    connection.served += 1;
    idle.push(connection);
    this.#idle.set(connection.origin, idle);
  }

  #drop(connection: Connection): void {
    const idle = this.#idle.get(connection.origin)?.filter((other) => other !== connection) ?? [];
    if (idle.length > 0) this.#idle.set(connection.origin, idle);
    else this.#idle.delete(connection.origin);
    if (!this.#open.delete(connection.client)) return;
    void connection.client.destroy();
  }
}

/** One request on one connection. */
class Call implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #connection: Connection;
  readonly #handler: UpstreamHandler;
  readonly #giveBack: (healthy: boolean) => void;
  readonly #reused: boolean;
  #controller: Dispatcher.DispatchController | undefined;
  #sent = false;
  #over = false;

  constructor(connection: Connection, handler: UpstreamHandler, giveBack: (healthy: boolean) => void) {
    this.#connection = connection;
    this.#handler = handler;
    this.#giveBack = giveBack;
    this.#reused = connection.served > 0;
  }

  start(request: UpstreamRequest): void {
    if (this.#over) return;
    const length = request.body.reduce((sum, piece) => sum + piece.length, 0);
    const headers = { ...request.headers, 'content-length': String(length) };
    const [first] = request.body;
    const body = request.body.length === 1 && first ? first : Readable.from(request.body, { objectMode: false });
    this.#connection.client.dispatch({ method: 'POST', path: request.path, headers, body, idempotent: false }, this);
  }

  pause(): void {
    if (!this.#over) this.#controller?.pause();
  }

  resume(): void {
    if (!this.#over) this.#controller?.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#giveBack(false);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#sent = true;
    if (this.#over) controller.abort(new Error('given up'));
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (!this.#over && status >= 200) this.#handler.onHead({ status, headers });
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#handler.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#giveBack(true);
    this.#handler.onEnd();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#giveBack(false);
    this.#handler.onFailure(readFailure(error, this.#sent, this.#reused));
  }
}

function readFailure(error: Error, sent: boolean, reusedSocket: boolean): UpstreamFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const reason = `${code}: ${error.message}`;
  if (!sent) return { kind: 'connect', reusedSocket, reason };
  const kind = code.startsWith('HPE_') || error.name === 'HTTPParserError' ? 'protocol' : 'reset';
  return { kind, reusedSocket, reason };
}
