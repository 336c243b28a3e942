import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { AppError, unreadableCodes } from '#shared/contract/errors.ts';
import { answerClientErrors } from '#shared/runtime/http/client-errors.ts';
import { descriptorLimit } from '#shared/runtime/http/descriptor-limit.ts';
import { serveListener, type RunningServer } from '#shared/runtime/http/http-server.ts';
import { connected } from '#shared/runtime/http/server-bounds.ts';
import { readTlsFiles, startTlsReload, type TlsFiles } from '#shared/runtime/tls/tls-files.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { ToldError } from '../dialects/dialect.ts';
import type { Listener } from '../edge/access-directory.ts';
import type { RouterMetrics } from './record/metrics.ts';
import { readHeaderBytesMax } from './request-head.ts';

/** Where a router's listeners are; without a private one the public one serves all. */
export interface ListenerPlaces {
  public: ListenerPlace;
  private: ListenerPlace | undefined;
}

/** Where one listener is, and the files of its certificate where it speaks TLS. */
interface ListenerPlace {
  host: string;
  port: number;
  tls: TlsFiles | undefined;
  /** Other processes have sockets of their own on this port. */
  reusePort: boolean;
}

/** What is known of a request that is refused; of some not even the first line could be read. */
export type Asked = Partial<Pick<IncomingMessage, 'url' | 'headers'>>;

/** What all listeners of a router have in common; times in milliseconds. */
export interface ListenerOptions {
  /** Answers the requests of a listener; undefined is one that stands for both. */
  serve: (listener: Listener | undefined) => RequestListener;
  /** Told of each client that has connected, before its first request. */
  opened: (socket: Socket) => void;
  /** Counts an error outside of inference, and says it in the words of the API that it is for. */
  tell: (asked: Asked, error: AppError) => ToldError;
  metrics: RouterMetrics;
  reloadEveryMs: number;
  headTimeoutMs: number;
  keepAliveMs: number;
  lingerMs: number;
  /** Of each listener. */
  connectionsMax: number;
  /** Connections to replicas that clients' requests may need. */
  inFlightMax: number;
  clock: Clock;
  log: Logger;
}

/** Files and connections that are neither clients’ nor replicas’, with room to spare. */
const ownDescriptors = 100;
/**
 * An answer waits for its client above this; with the 64 KiB that an engine's connection brings at a time it has 64 KiB in
 * the middle, and 96 at most, beyond the socket's own buffer.
 */
const unsentBytes = 32 * 1024;
/** Time for the last bytes of ended streams to leave. */
export const lastBytesMs = 2000;

/**
 * Where clients come in (what each kind of connection gets: `docs/connections.md`): one listener for the public, one for those inside of the VPC, or one
 * for both.
 */
export class Listeners implements AsyncDisposable {
  readonly #servers: readonly RunningServer[];
  readonly #stack: AsyncDisposableStack;

  private constructor(servers: readonly RunningServer[], stack: AsyncDisposableStack) {
    this.#servers = servers;
    this.#stack = stack;
  }

  /** @throws ConfigError when an address is taken or a certificate cannot be read. */
  static async start({ public: outer, private: inner }: ListenerPlaces, options: ListenerOptions): Promise<Listeners> {
    await using stack = new AsyncDisposableStack();
    const start = async (place: ListenerPlace, listener: Listener | undefined): Promise<RunningServer> =>
      startOne(place, options.serve(listener), { ...options, stack });
    const servers =
      inner === undefined
        ? [await start(outer, undefined)]
        : [await start(outer, 'public'), await start(inner, 'private')];
    const needed = servers.length * options.connectionsMax + options.inFlightMax + ownDescriptors;
    const limit = descriptorLimit();
    if (limit < needed) options.log.warn({ limit, needed }, 'router.few_descriptors');
    return new Listeners(servers, stack.move());
  }

  get url(): string {
    return this.#servers[0]?.url ?? '';
  }

  get privateUrl(): string {
    return this.#servers.at(-1)?.url ?? '';
  }

  sendAway(): void {
    for (const server of this.#servers) server.sendAway();
  }

  async stopListening(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stopListening()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

async function startOne(
  { host, port, tls: files, reusePort }: ListenerPlace,
  listener: RequestListener,
  options: ListenerOptions & { stack: AsyncDisposableStack },
): Promise<RunningServer> {
  const { stack, clock, log, metrics, reloadEveryMs: everyMs, connectionsMax } = options;
  const { headTimeoutMs, keepAliveMs, lingerMs } = options;
  const tell = (asked: Asked, error: AppError): { headers: Readonly<Record<string, string>>; body: string } => {
    const { headers, body } = options.tell(asked, error);
    return { headers, body: body.toString() };
  };
  const refuse = (_: string, request?: IncomingMessage): ReturnType<typeof tell> => {
    if (request === undefined) metrics.cut.inc({ reason: 'connections' });
    return tell(request ?? {}, new AppError('overloaded', { retryAfterMs: 2000 }));
  };
  // Whoever names no host is answered in its own words, too.
  const server = { maxHeaderSize: readHeaderBytesMax, requireHostHeader: false, highWaterMark: unsentBytes };
  const bounds = { connectionsMax, refuse };
  const attach = (server: Server): void => {
    server.on(connected(server), options.opened);
    answerClientErrors(server, (status, url) =>
      tell(url === undefined ? {} : { url }, new AppError(unreadableCodes[status])),
    );
  };
  const tls = files && (await readTlsFiles(files));
  const running = stack.use(
    await serveListener(listener, {
      host,
      port,
      reusePort,
      headTimeoutMs,
      keepAliveMs,
      lingerMs,
      drainTimeoutMs: lastBytesMs,
      tls,
      server,
      bounds,
      attach,
    }),
  );
  const told = (result: 'reloaded' | 'failed'): void => metrics.certificates.inc({ result });
  if (files !== undefined && tls !== undefined && running.server instanceof TlsServer)
    stack.use(startTlsReload(running.server, { files, everyMs, told, clock, log }, tls));
  return running;
}
