import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer, type AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Registry } from 'prom-client';
import { ConfigError } from '../config-error.ts';
import { closeInStages } from './close-in-stages.ts';
import { httpOrigin } from './http-origin.ts';
import { boundedListener, type ServerBounds } from './server-bounds.ts';
import type { TlsIdentity } from '../tls/tls-files.ts';
import { ServerConnections } from './server-connections.ts';

/** Anything with Hono's `fetch`; the bindings (`incoming`, `outgoing`) come from @hono/node-server. */
export interface FetchApp {
  fetch: Parameters<typeof getRequestListener>[0];
}

/** Where to listen and how to end. Port 0 takes a free one. */
export interface ServeOptions {
  host: string;
  port: number;
  /** Other processes may have sockets of their own on this port, among which the system deals out connections (Linux). */
  reusePort?: boolean;
  /** Not shared with other processes that node:cluster started. */
  exclusive?: boolean;
  /** Called before it listens: what is attached to the server later may miss who comes at once. */
  attach?: (server: Server) => void;
  /** Time that requests in flight get at the end before their sockets are closed, milliseconds. */
  drainTimeoutMs: number;
  /** How long a client may take for the head of a request, from its connection or the head's first byte on (default 10 s). */
  headTimeoutMs?: number;
  /** How long a connection without a request is kept, milliseconds (default 95 s); replies tell clients. */
  keepAliveMs?: number;
  /**
   * How long, at the end, a connection is waited for whose next request may be on its way, milliseconds (default 1 s): some
   * round trips to the clients.
   */
  lingerMs?: number;
  server?: ServerOptions;
  bounds?: ServerBounds;
  /** Speaks TLS with this certificate. */
  tls?: TlsIdentity | undefined;
}

/**
 * A listening server. It ends in three steps: `sendAway`, `stopListening`, and disposing, which lets requests in flight end,
 * then closes what is left. Each step includes those before it.
 */
export interface RunningServer extends AsyncDisposable {
  url: string;
  server: Server;
  /** From now on every reply ends its connection; new connections are still taken. */
  sendAway(): void;
  /**
   * Takes no new connection; what comes through the old ones is still served. Resolves when those who had just come have
   * said what they want.
   */
  stopListening(): Promise<void>;
}

/** How long what a client still sends is read after the last reply of its connection. */
const restMs = 2000;

/** TLS 1.2 at least; a handshake that takes longer than this is cut, milliseconds. */
const tlsSettings = { minVersion: 'TLSv1.2', handshakeTimeout: 10_000 } as const;

/**
 * Serves a Hono app over HTTP/1.1.
 * @throws ConfigError with the address and what to do when it is taken or not permitted.
 */
export async function serveApp(app: FetchApp, options: ServeOptions): Promise<RunningServer> {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return serveListener((request, response) => void handle(request, response), options);
}

/** The same for a plain request listener. */
export async function serveListener(listener: RequestListener, options: ServeOptions): Promise<RunningServer> {
  const headTimeoutMs = options.headTimeoutMs ?? 10_000;
  const settings = {
    keepAliveTimeout: options.keepAliveMs ?? 95_000,
    maxHeaderSize: 32_768,
    headersTimeout: headTimeoutMs,
    connectionsCheckingInterval: Math.ceil(headTimeoutMs / 5),
    ...options.server,
  };
  const { tls } = options;
  const server = tls === undefined ? createServer(settings) : createTlsServer({ ...settings, ...tls, ...tlsSettings });
  const ending = endingOf(server, options);
  closeInStages(server, restMs);
  server.on('request', options.bounds === undefined ? listener : boundedListener(server, listener, options.bounds));
  // An expectation that is not known may be passed over (RFC 9110 §10.1.1); Node's own answer is a 417 without a word.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  options.attach?.(server);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return { url: httpOrigin(options.host, port, tls === undefined ? 'http' : 'https'), server, ...ending };
}

function endingOf(
  server: Server,
  { drainTimeoutMs, lingerMs = 1000 }: ServeOptions,
): Omit<RunningServer, 'url' | 'server'> {
  const connections = new ServerConnections(server, lingerMs);
  const closed = Promise.withResolvers<void>();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    connections.sendAway();
    // Not the server's own, which closes idle connections as well.
    NetServer.prototype.close.call(server, () => closed.resolve());
    return connections.noneFollow();
  };
  const stopListening = (): Promise<void> => (stopped ??= stop());
  return {
    sendAway: () => connections.sendAway(),
    stopListening,
    async [Symbol.asyncDispose]() {
      const deadline = setTimeout(() => server.closeAllConnections(), drainTimeoutMs);
      await stopListening();
      connections.closeIdle();
      await closed.promise;
      clearTimeout(deadline);
      server.close();
    },
  };
}

async function listen(server: Server, options: ServeOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(explain(error, options));
    server.once('error', fail);
    const { host, port, reusePort = false, exclusive = false } = options;
    server.listen({ host, port, reusePort, exclusive, backlog: 4096 }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function explain(error: NodeJS.ErrnoException, { host, port }: ServeOptions): Error {
  if (error.code === 'EADDRINUSE')
    return new ConfigError(`Port ${port} on ${host} is taken. Stop the process that holds it or choose another port.`);
  if (error.code === 'EACCES')
    return new ConfigError(`Port ${port} on ${host} may not be used by this user. Choose one above 1023.`);
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new ConfigError(`${host} is no address of this machine. Listen on 127.0.0.1, 0.0.0.0 or one of its own.`);
  return error;
}

/**
 * The operator's listener of every process: `/healthz` (the process lives), `/readyz` (it can do its work, else 503
 * with what is missing), `/metrics` (Prometheus text). It is a listener of its own: clients never reach it.
 */
export async function serveAdmin(options: {
  host: string;
  port: number;
  registry: Registry;
  /** Names what is missing; an empty list means ready. */
  notReady: () => string[];
  /** What an operator should know although the process can do its work. */
  warnings?: () => string[];
  /** What else of the process operators may see, by path; undefined for a path that is none. */
  more?: (path: string) => AdminAnswer | undefined;
}): Promise<RunningServer> {
  const { registry, notReady, warnings, more } = options;
  const answerTo = async (path: string): Promise<Answer> => {
    if (path === '/healthz') return json(200, { ok: true });
    if (path === '/metrics') return { status: 200, type: registry.contentType, text: await registry.metrics() };
    if (path !== '/readyz') {
      const message = `${path.slice(0, 200)} is not here; /healthz, /readyz and /metrics are.`;
      const { status, body } = more?.(path) ?? { status: 404, body: { message } };
      return json(status, body);
    }
    const missing = notReady();
    const told = warnings === undefined ? {} : { warnings: warnings() };
    return json(missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing, ...told });
  };
  const listener: RequestListener = (request, response) => {
    answerTo(request.url?.split('?')[0] ?? '')
      .catch((error: unknown) => json(500, { message: String(error) }))
      .then(({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text))
      .catch(() => response.destroy());
  };
  return serveListener(listener, { host: options.host, port: options.port, exclusive: true, drainTimeoutMs: 1000 });
}

/** What a page for operators says, as JSON. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: object;
}

interface Answer {
  status: number;
  type: string;
  text: string;
}

function json(status: number, body: unknown): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(body)}\n` };
}
