import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import { CompletionDesk, type CompletionDeskOptions } from './serve-completions.ts';
import type { Handler, Route } from './route.ts';
import { FaultError, readFaults } from './faults.ts';
import { generationRoutes, onePath } from './generation-routes.ts';
import { bodyText } from './read-body.ts';
import { sendJson } from './reply.ts';
import { objectError, routeError, unauthorized, VllmError } from '../model/vllm-errors.ts';

/** Everything that a model server needs; times in milliseconds. */
export interface ModelServerOptions extends CompletionDeskOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Without a key everything is open, as in vLLM. */
  readonly apiKey?: string | undefined;
  /** Until then `/health` is 503. */
  readonly loadMs: number;
  /** How long running streams get at the end. */
  readonly drainTimeoutMs: number;
  readonly maxBodyBytes: number;
  /** Whether faults can be set over HTTP. */
  readonly faultsEnabled: boolean;
}

/** A running model server. Disposing drains it: no new request, running ones end, then the sockets close. */
export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  readonly desk: CompletionDesk;
}

/** Starts listening at once; the model "loads" behind it. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const desk = new CompletionDesk(options);
  const routes = routeTable(options, desk);
  const server = createServer((request, response) => {
    void dispatch({ routes, apiKey: options.apiKey }, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, options)));
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const loading = setTimeout(() => desk.loaded(), options.loadMs);
  return {
    url: httpOrigin(options.host, port),
    desk,
    async [Symbol.asyncDispose]() {
      clearTimeout(loading);
      await desk.drain(options.drainTimeoutMs);
      await close(server);
      desk[Symbol.dispose]();
    },
  };
}

function explain(error: NodeJS.ErrnoException, { host, port }: ModelServerOptions): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new ConfigError(`Port ${port} on ${host} is taken. Stop the process that holds it or pass another --port.`);
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

function routeTable(options: ModelServerOptions, desk: CompletionDesk): ReadonlyMap<string, readonly Route[]> {
  const { model, engine, clock } = options;
  const faults = (handle: Handler): Handler => (options.faultsEnabled ? handle : () => Promise.reject(routeError(404)));
  const showFaults: Handler = (_, response) => sendJson(response, 200, { faults: desk.faults.list() });
  const get = (handle: Handler, open = false): Route[] => [{ method: 'GET', open, handle }];
  const created = Math.floor(clock.now() / 1000);
  return new Map<string, readonly Route[]>([
    ...generationRoutes(desk, options.maxBodyBytes),
    ['/v1/models', get((_, response) => sendJson(response, 200, modelList(options, created)))],
    ['/health', get((_, response) => sendJson(response, desk.healthy() ? 200 : 503, undefined), true)],
    ['/ping', get((_, response) => sendJson(response, desk.healthy() ? 200 : 503, undefined), true)],
    [
      '/metrics',
      get((_, response) => {
        response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
        response.end(desk.metrics.render(engine.stats()));
      }, true),
    ],
    [
      '/reset_prefix_cache',
      [{ method: 'POST', handle: (_, response) => sendJson(response, 200, { success: desk.clearCache() }) }],
    ],
    ['/kv_event_sources', get((_, response) => sendJson(response, 200, eventSources(options.kvEvents)))],
    ['/version', get((_, response) => sendJson(response, 200, { version: '0.32.0', simulates: model }))],
    ['/load', get((_, response) => sendJson(response, 200, { server_load: desk.open }))],
    [
      '/fairway/faults',
      [
        { method: 'GET', handle: faults(showFaults) },
        {
          method: 'POST',
          handle: faults(async (request, response) => {
            const text = await bodyText(request, response, options.maxBodyBytes);
            desk.setFaults(readFaults(parseJson(text)));
            await showFaults(request, response);
          }),
        },
      ],
    ],
  ]);
}

interface Dispatch {
  readonly routes: ReadonlyMap<string, readonly Route[]>;
  readonly apiKey: string | undefined;
}

async function dispatch(context: Dispatch, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('x-request-id', requestId(request));
  let route: Route | undefined;
  try {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const routes = context.routes.get(path) ?? context.routes.get(path.replace(/^\/v1\/responses\/[^/]+/, onePath));
    route = routes?.find(({ method }) => method === request.method);
    if (route?.open !== true && !authorized(request, context.apiKey)) throw unauthorized();
    if (routes === undefined) throw routeError(404);
    if (route === undefined) {
      response.setHeader('allow', routes.map(({ method }) => method).join(', '));
      throw routeError(405);
    }
    await route.handle(request, response);
  } catch (error) {
    if (response.headersSent || response.destroyed) return void response.destroy();
    const shown = asVllmError(error);
    sendJson(response, shown.status, route?.errorBody?.(shown) ?? shown.body);
  }
}

function asVllmError(error: unknown): VllmError {
  if (error instanceof VllmError) return error;
  if (error instanceof FaultError) return objectError({ status: 400, message: error.message, type: 'BadRequestError' });
  return objectError({ status: 500, message: String(error), type: 'InternalServerError' });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FaultError('The body is not JSON.');
  }
}

/** The caller's id when it can be a header value, else one of our own. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomBytes(16).toString('hex');
}

function authorized(request: IncomingMessage, apiKey: string | undefined): boolean {
  if (apiKey === undefined) return true;
  const given = /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(apiKey));
}

/** As vLLM shows it, by data-parallel rank. */
function eventSources(kvEvents: ModelServerOptions['kvEvents']): unknown {
  if (kvEvents === undefined) return {};
  const { endpoint, replayEndpoint = null, bufferSteps, highWaterMark, topic } = kvEvents.config;
  const sizes = { buffer_steps: bufferSteps, hwm: highWaterMark, max_queue_size: 100_000 };
  const common = { enable_kv_cache_events: true, publisher: 'zmq', endpoint, replay_endpoint: replayEndpoint };
  return { '0': { ...common, ...sizes, topic } };
}

function modelList({ model, engine, maxModelTokens }: ModelServerOptions, created: number): unknown {
  const permission = {
    id: 'modelperm-simulated',
    object: 'model_permission',
    created,
    allow_create_engine: false,
    allow_sampling: true,
    allow_logprobs: false,
    allow_search_indices: false,
    allow_view: true,
    allow_fine_tuning: false,
    organization: '*',
    group: null,
    is_blocking: false,
  };
  const root = `simulated:${engine.preset.name}`;
  const entry = { id: model, object: 'model', created, owned_by: 'vllm', root, parent: null };
  return { object: 'list', data: [{ ...entry, max_model_len: maxModelTokens, permission: [permission] }] };
}
