import type { RequestListener } from 'node:http';
import { Server as TlsServer } from 'node:https';
import { answerClientErrors } from '#shared/runtime/http/client-errors.ts';
import { serveListener, type RunningServer } from '#shared/runtime/http/http-server.ts';
import { readTlsFiles, startTlsReload, type TlsFiles } from '#shared/runtime/tls/tls-files.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Listener } from '../edge/access-directory.ts';

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
}

/** What all listeners of a router have in common; times in milliseconds. */
export interface ListenerOptions {
  /** Answers the requests of a listener; undefined is one that stands for both. */
  serve: (listener: Listener | undefined) => RequestListener;
  /** What bytes are told that no request could be read from. */
  unreadable: Parameters<typeof answerClientErrors>[1];
  /** Hears of each certificate that was read anew, or could not be. */
  reloaded: (result: 'reloaded' | 'failed') => void;
  reloadEveryMs: number;
  drainTimeoutMs: number;
  /** Longest head that is read. */
  headBytesMax: number;
  clock: Clock;
  log: Logger;
}

/** Where clients come in: one listener for the public, one for those inside of the VPC, or one for both. */
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
  { host, port, tls: files }: ListenerPlace,
  listener: RequestListener,
  options: ListenerOptions & { stack: AsyncDisposableStack },
): Promise<RunningServer> {
  const { stack, clock, log, reloaded: told, reloadEveryMs: everyMs, drainTimeoutMs, unreadable } = options;
  const server = { maxHeaderSize: options.headBytesMax };
  const tls = files && (await readTlsFiles(files));
  const running = stack.use(await serveListener(listener, { host, port, drainTimeoutMs, tls, server }));
  answerClientErrors(running.server, unreadable);
  if (files !== undefined && tls !== undefined && running.server instanceof TlsServer)
    stack.use(startTlsReload(running.server, { files, everyMs, told, clock, log }, tls));
  return running;
}
