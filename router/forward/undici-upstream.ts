import { Readable } from 'node:stream';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import type { Intake, Source } from '../admit/intake.ts';
import { BodyDecoder } from './body-decoder.ts';
import { ContinueFilter } from './continue-filter.ts';
import { readFailure } from './read-failure.ts';
import type { Upstream, UpstreamCall, UpstreamHandler, UpstreamMessage, UpstreamTarget } from './upstream.ts';

type TurnIntake = Pick<Intake, 'took' | 'goOn' | 'leave'>;

/** Bounds of the connections. */
export interface UndiciUpstreamOptions {
  readonly connectTimeoutMs: number;
  /** Idle connections kept per replica (default 64). */
  readonly idleMax?: number;
  /** How long a connection stays idle (default 4 s: below the 5 s after which uvicorn closes). */
  readonly keepAliveMs?: number;
  /** What a turn of the event loop takes of answers (default: what comes). */
  readonly intake?: TurnIntake;
  /** Monotonic milliseconds, and whether this process stood still at some time since then (default: never). */
  readonly now?: () => number;
  readonly stalledSince?: (at: number) => boolean;
}

/** An answer that waits for its client holds what one read brought (64 KiB at most), and no second one beyond this. */
const heldBytes = 16 * 1024;

/** Up to this length a body goes out in one piece with its head; what is longer is not copied. */
const joinedBytesMax = 32 * 1024;

/** One connection: it serves one request at a time and goes back to its replica's free list. */
interface Connection {
  readonly origin: string;
  readonly client: Client;
  readonly filter: ContinueFilter;
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
    const intake: TurnIntake = { took: () => {}, goOn: (source) => source.resume(), leave: () => {} };
    const defaults = {
      idleMax: 64,
      keepAliveMs: 4000,
      intake,
      now: () => performance.now(),
      stalledSince: () => false,
    };
    this.#options = { ...defaults, ...options };
  }

  send(target: UpstreamTarget, message: UpstreamMessage, handler: UpstreamHandler): UpstreamCall {
    const origin = httpOrigin(target.address, target.port, target.scheme);
    const connection = (message.fresh ? undefined : this.#idle.get(origin)?.pop()) ?? this.#connect(origin);
    const { intake, now, stalledSince } = this.#options;
    const sentAt = now();
    const call = new Call(connection, handler, {
      giveBack: (healthy) => this.#giveBack(connection, healthy),
      stalled: () => stalledSince(sentAt),
      intake,
    });
    queueMicrotask(() => call.start(message));
    return call;
  }

  forget(target: UpstreamTarget): void {
    const origin = httpOrigin(target.address, target.port, target.scheme);
    for (const { client } of this.#idle.get(origin) ?? []) void client.destroy();
    this.#idle.delete(origin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.destroy()));
  }

  #connect(origin: string): Connection {
    const filter = new ContinueFilter();
    // Its types do not know what it hands on to `net.connect`.
    const forSocket = { timeout: this.#options.connectTimeoutMs, allowH2: false, highWaterMark: heldBytes };
    const open = buildConnector(forSocket);
    const client = new Client(origin, {
      connect: (options, callback) =>
        open(options, (...[error, socket]) => {
          if (error !== null) return callback(error, null);
          filter.attach(socket);
          callback(null, socket);
        }),
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: this.#options.keepAliveMs,
      keepAliveMaxTimeout: this.#options.keepAliveMs,
    });
    const connection: Connection = { origin, client, filter, served: 0 };
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

/** What a call tells its upstream, and asks of it. */
interface CallOwner {
  giveBack(healthy: boolean): void;
  stalled(): boolean;
  readonly intake: TurnIntake;
}

/** Why the flow of data stands: the client, others whose turn it is, the decoder. */
type Stop = 'client' | 'turn' | 'decoder';

/** One request on one connection. */
class Call implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #connection: Connection;
  readonly #handler: UpstreamHandler;
  readonly #owner: CallOwner;
  readonly #reused: boolean;
  #controller: Dispatcher.DispatchController | undefined;
  readonly #source: Source;
  readonly #stops = new Set<Stop>();
  #decoder: BodyDecoder | undefined;
  #sent = false;
  #over = false;

  constructor(connection: Connection, handler: UpstreamHandler, owner: CallOwner) {
    this.#connection = connection;
    this.#handler = handler;
    this.#owner = owner;
    this.#reused = connection.served > 0;
    this.#source = { owner: connection.origin, pause: () => this.#stop('turn'), resume: () => this.#go('turn') };
  }

  start({ method, path, headers, body }: UpstreamMessage): void {
    if (this.#over) return;
    const length = body.reduce((sum, piece) => sum + piece.length, 0);
    const content = length <= joinedBytesMax ? Buffer.concat(body, length) : new Pieces(body);
    const sized = length > 0 || method === 'POST' ? { ...headers, 'content-length': String(length) } : headers;
    this.#connection.filter.expectHead();
    this.#connection.client.dispatch(
      { method, path, headers: sized, body: length === 0 ? null : content, idempotent: false },
      this,
    );
  }

  pause(): void {
    if (this.#over) return;
    this.#stop('client');
    this.#decoder?.pause();
  }

  resume(): void {
    if (this.#over) return;
    this.#decoder?.resume();
    this.#stops.delete('client');
    this.#stops.add('turn');
    this.#owner.intake.goOn(this.#source);
  }

  abort(): void {
    if (this.#over) return;
    this.#close(false);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#sent = true;
    if (this.#over) controller.abort(new Error('given up'));
  }

  onRequestSent(): void {
    if (!this.#over) this.#handler.onSent();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    // Parts of what one read brought, which stays in memory as long as they do: 64 KiB where a long body follows the head.
    controller.rawHeaders = null;
    if (this.#over || status < 200) return;
    const encoding = String(headers['content-encoding'] ?? '')
      .trim()
      .toLowerCase();
    if (encoding !== '' && encoding !== 'identity') this.#decoder = this.#decoderOf(encoding);
    const isPlain = this.#decoder !== undefined || encoding === '' || encoding === 'identity';
    this.#handler.onHead({ status, headers: isPlain ? { ...headers, 'content-encoding': undefined } : headers });
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#owner.intake.took(this.#source, chunk.length);
    if (this.#decoder === undefined) this.#handler.onData(chunk);
    else if (!this.#decoder.write(chunk)) this.#stop('decoder');
  }

  onResponseEnd(): void {
    if (this.#over) return;
    if (this.#decoder === undefined) return this.#end();
    this.#decoder.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return;
    const failure = readFailure(error, {
      sent: this.#sent,
      reusedSocket: this.#reused,
      stalled: this.#owner.stalled(),
    });
    this.#close(false);
    this.#handler.onFailure(failure);
  }

  #end(): void {
    if (this.#over) return;
    this.#close(true);
    this.#handler.onEnd();
  }

  #close(healthy: boolean): void {
    this.#over = true;
    this.#owner.intake.leave(this.#source);
    this.#decoder?.[Symbol.dispose]();
    this.#owner.giveBack(healthy);
  }

  #stop(why: Stop): void {
    this.#stops.add(why);
    this.#controller?.pause();
  }

  #go(why: Stop): void {
    if (this.#stops.delete(why) && this.#stops.size === 0 && !this.#over) this.#controller?.resume();
  }

  #decoderOf(encoding: string): BodyDecoder | undefined {
    return BodyDecoder.of(encoding, {
      data: (chunk) => this.#over || this.#handler.onData(chunk),
      drain: () => this.#go('decoder'),
      end: () => this.#end(),
      fail: (reason) => {
        if (this.#over) return;
        this.#close(false);
        this.#handler.onFailure({ kind: 'protocol', reusedSocket: false, reason: `content-encoding: ${reason}` });
      },
    });
  }
}

/** The pieces of a body as a stream. Forgets each with the next one: undici keeps what it is given until the answer has ended. */
class Pieces extends Readable {
  readonly #rest: Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    super();
    this.#rest = [...pieces];
  }

  override _read(): void {
    this.push(this.#rest.shift() ?? null);
  }
}
