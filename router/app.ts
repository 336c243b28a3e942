import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { authenticate } from './access/authenticate.ts';
import { discardRest } from './request/request-body.ts';
import { serveCompletion, type CompletionDeps } from './request/serve-request.ts';
import { dialects } from './dialects/dialects.ts';
import { listModels } from './request/models.ts';
import { openAiError, retryHeaders } from './dialects/openai-error.ts';
import { assertPlainPath, modelIdOf } from './request/raw-path.ts';

interface Bindings {
  Bindings: HttpBindings;
}

/** How long a body that nobody wants is read and thrown away. */
const discardMs = 5000;

/**
 * The route table, in order. Completions write to the socket themselves: no middleware stands around them, since one that
 * sets headers after the handler would touch an answer that is long gone.
 */
export function createApp(deps: CompletionDeps): Hono<Bindings> {
  const app = new Hono<Bindings>();
  for (const dialect of dialects) {
    app.post(dialect.path, async (c) => {
      await serveCompletion(deps, dialect, c.env);
      return alreadySent();
    });
    app.all(dialect.path, (c) => answerError(deps, c, notAllowed('POST')));
  }
  app.get('/v1/models', (c) => {
    const caller = authenticate(deps.gate, c.env.incoming.headers, deps.clock.now());
    return answer(deps, c, { object: 'list', data: listModels(deps.gate.pools, caller.endpointId) });
  });
  app.get('/v1/models/:id', (c) => {
    const caller = authenticate(deps.gate, c.env.incoming.headers, deps.clock.now());
    const models = listModels(deps.gate.pools, caller.endpointId);
    const id = modelIdOf(c.env.incoming.url ?? '');
    const model = models.find((one) => one.id === id);
    if (model !== undefined) return answer(deps, c, model);
    const message = `The model "${id.slice(0, 200)}" is not served here. Served: ${models.map((one) => one.id).join(', ')}.`;
    throw new AppError('model_not_found', { message, param: 'model' });
  });
  for (const path of ['/v1/models', '/v1/models/:id']) app.all(path, (c) => answerError(deps, c, notAllowed('GET')));
  app.notFound((c) =>
    answerError(deps, c, new AppError('unknown_route', { message: `${c.req.path.slice(0, 200)} is not served here.` })),
  );
  app.onError((error, c) => answerError(deps, c, error));
  return app;
}

/** The listener of the data plane: looks at the raw path and host before anything parses them, then asks the app. */
export function createListener(app: Hono<Bindings>, deps: CompletionDeps): RequestListener {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false, autoCleanupIncoming: false });
  return (incoming, outgoing) => {
    try {
      assertPlainPath(incoming.url ?? '');
      assertHost(incoming.headers.host);
    } catch (error) {
      return refuse(deps, { incoming, outgoing }, toAppError(error));
    }
    void handle(incoming, outgoing);
  };
}

/** Answers what Node's parser refused: headers that are too long, or a request that is no HTTP or is ambiguous. */
export function answerClientError(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const shown = new AppError(error.code === 'HPE_HEADER_OVERFLOW' ? 'header_too_large' : 'bad_request');
  const reason = shown.status === 431 ? 'Request Header Fields Too Large' : 'Bad Request';
  const body = JSON.stringify(openAiError(shown));
  const head = `HTTP/1.1 ${shown.status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
}

function assertHost(host: string | undefined): void {
  if (host === undefined || !/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d*)?$/.test(host))
    throw new AppError('bad_request', { message: 'The Host header is missing or is not a host name.' });
}

function notAllowed(allow: string): AppError {
  return new AppError('method_not_allowed', { details: { allow } });
}

function answer(deps: CompletionDeps, c: Context<Bindings>, body: object): Response {
  count(deps, c.env.incoming, { status: 200 });
  return Response.json(body, { headers: { 'x-request-id': deps.newId() } });
}

function answerError(deps: CompletionDeps, c: Context<Bindings>, thrown: unknown): Response {
  const error = toAppError(thrown);
  if (error.code === 'server_error') deps.log.error({ err: thrown }, 'request.failed');
  count(deps, c.env.incoming, error);
  discardRest(c.env.incoming, deps.clock, discardMs);
  return Response.json(openAiError(error), { status: error.status, headers: errorHeaders(deps, error) });
}

function refuse(
  deps: CompletionDeps,
  { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
  error: AppError,
): void {
  count(deps, incoming, error);
  discardRest(incoming, deps.clock, discardMs);
  const body = JSON.stringify(openAiError(error));
  outgoing.writeHead(error.status, { 'content-type': 'application/json', ...errorHeaders(deps, error) });
  outgoing.end(body);
}

function errorHeaders(deps: CompletionDeps, error: AppError): Record<string, string> {
  const { allow } = error.details;
  return { 'x-request-id': deps.newId(), ...retryHeaders(error), ...(typeof allow === 'string' && { allow }) };
}

function count({ metrics }: CompletionDeps, incoming: IncomingMessage, end: { status: number; code?: string }): void {
  const route = incoming.url?.startsWith('/v1/models') === true ? 'models' : 'other';
  metrics.requests.inc({ route, status: String(end.status) });
  if (end.code !== undefined) metrics.errors.inc({ code: end.code });
}

/** Tells the server that the answer is out. A new one each time: a shared one would carry one request's headers to others. */
function alreadySent(): Response {
  return new Response(null, { headers: { 'x-hono-already-sent': 'true' } });
}
