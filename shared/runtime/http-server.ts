import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Registry } from 'prom-client';
import { ConfigError } from './config-error.ts';

/** Anything with Hono's `fetch`; the bindings (`incoming`, `outgoing`) come from @hono/node-server. */
export interface FetchApp {
  fetch: Parameters<typeof getRequestListener>[0];
}

/** Where to listen and how to end. Port 0 takes a free one. */
export interface ServeOptions {
  host: string;
  port: number;
  /** Time that requests in flight get at the end before their sockets are closed, milliseconds. */
  drainTimeoutMs: number;
  server?: ServerOptions;
}

/** A listening server. Disposing stops accepting, lets requests in flight end, then closes what is left. */
export interface RunningServer extends AsyncDisposable {
  url: string;
  server: Server;
}

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
  const server = createServer({ keepAliveTimeout: 95_000, maxHeaderSize: 32_768, ...options.server }, listener);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    server,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const deadline = setTimeout(() => server.closeAllConnections(), options.drainTimeoutMs);
      await closed;
      clearTimeout(deadline);
    },
  };
}

async function listen(server: Server, options: ServeOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, options)));
    server.listen({ host: options.host, port: options.port, backlog: 4096 }, () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, { host, port }: ServeOptions): Error {
  if (error.code === 'EADDRINUSE')
    return new ConfigError(`Port ${port} on ${host} is taken. Stop the process that holds it or choose another port.`);
  if (error.code === 'EACCES')
    return new ConfigError(`Port ${port} on ${host} may not be used by this user. Choose one above 1023.`);
  return error;
}

/** What the admin listener shows. `notReady` names what is missing; an empty list means ready. */
export interface AdminOptions {
  host: string;
  port: number;
  registry: Registry;
  notReady: () => string[];
}

/**
 * The operator's listener of every process: `/healthz` (the process lives), `/readyz` (it can do its work, else 503
 * with what is missing), `/metrics` (Prometheus text). It is a listener of its own: clients never reach it.
 */
export async function serveAdmin(options: AdminOptions): Promise<RunningServer> {
  const listener: RequestListener = (request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    if (request.url === '/healthz') return answer(200, { ok: true });
    if (request.url === '/readyz') {
      const missing = options.notReady();
      return answer(missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing });
    }
    if (request.url !== '/metrics') return answer(404, { message: 'Only /healthz, /readyz and /metrics are here.' });
    options.registry.metrics().then(
      (text) => {
        response.writeHead(200, { 'content-type': options.registry.contentType });
        response.end(text);
      },
      (error: unknown) => answer(500, { message: String(error) }),
    );
  };
  return serveListener(listener, { host: options.host, port: options.port, drainTimeoutMs: 1000 });
}
