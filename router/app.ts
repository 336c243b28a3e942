import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { authenticate, type Caller, type Gate } from './access/authenticate.ts';
import type { Intake } from './admit/intake.ts';
import type { Api, Dialect, ErrorVoice, ToldError } from './dialects/dialect.ts';
import { forward, type ForwardDeps, type ForwardOutcome } from './forward/forward.ts';
import type { TokenUse } from './edge/token-use.ts';
import type { Asked } from './request/listeners.ts';
import type { ConnectionTurns } from './request/connection-turns.ts';
import { askKeeper } from './request/kept-answer.ts';
import { InferenceRequest, type RequestDeps } from './request/inference-request.ts';
import { modelIdOf, readTarget } from './request/raw-target.ts';
import { assertHead } from './request/request-head.ts';
import { readRequest } from './request/read-request.ts';
import type { ScanQueue } from './scan/scan-queue.ts';
import { BodyAbortedError, discardRest } from './request/request-body.ts';
import { clientIdOf, idHeaders } from './request/record/request-ids.ts';
import { modelNotFound, modelsOf } from './request/served-models.ts';

/** What the handlers work with. */
export interface AppDeps extends RequestDeps {
  readonly apis: readonly [Api, ...Api[]];
  readonly gate: Gate;
  readonly tokenUse: Pick<TokenUse, 'note'>;
  readonly scans: ScanQueue;
  readonly intake: Intake;
  readonly connections: ConnectionTurns;
  readonly bodyLimits: { readonly bytesMax: number; readonly timeoutMs: number; readonly choicesMax: number };
  readonly forwarding: ForwardDeps;
}

interface Bindings {
  Bindings: HttpBindings;
}

/** How long a body that nobody wants is read and thrown away, so that the answer is read and not a reset. */
const discardMs = 5000;

/**
 * The route table, in order. Inference writes to the socket itself: no middleware stands around it, since one that sets
 * headers after the handler would touch an answer that is long gone.
 */
export function createApp(deps: AppDeps): Hono<Bindings> {
  const app = new Hono<Bindings>();
  for (const api of deps.apis) {
    for (const dialect of api.routes)
      app.on(dialect.method, dialect.path, async (c) => {
        await serve(deps, dialect, c.env);
        return alreadySent();
      });
    for (const [path, dialects] of Map.groupBy(api.routes, (dialect) => dialect.path))
      app.all(path, (c) => answerError(deps, c, notAllowed(dialects.map(({ method }) => method).join(', '))));
  }
  for (const path of modelsPathsOf(deps)) addModels(app, deps, path);
  app.notFound((c) =>
    answerError(deps, c, new AppError('unknown_route', { message: `${c.req.path.slice(0, 200)} is not served here.` })),
  );
  app.onError((error, c) => answerError(deps, c, error));
  return app;
}

/** The listener of the data plane: one request of a connection at a time, its raw target looked at before anything parses it. */
export function createListener(app: Hono<Bindings>, deps: AppDeps): RequestListener {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false, autoCleanupIncoming: false });
  const modelsPaths = modelsPathsOf(deps);
  return (incoming, outgoing) =>
    deps.connections.enter(incoming, outgoing, () => {
      try {
        readTarget(incoming, modelsPaths);
        assertHead(incoming);
      } catch (error) {
        return refuse(deps, { incoming, outgoing }, toAppError(error));
      }
      void handle(incoming, outgoing);
    });
}

function modelsPathsOf({ apis }: AppDeps): string[] {
  return [...new Set(apis.flatMap(({ models }) => models?.path ?? []))];
}

/** One request, from its first byte to its last; never throws. */
async function serve(
  deps: AppDeps,
  dialect: Dialect,
  sockets: { incoming: IncomingMessage; outgoing: ServerResponse },
): Promise<void> {
  using request = new InferenceRequest(deps, dialect, sockets);
  const { incoming, reply } = request;
  let code: string | undefined;
  try {
    const outcome = await pass(deps, request);
    code = outcome.code;
  } catch (error) {
    code = error instanceof BodyAbortedError ? 'client_gone' : toAppError(error).code;
    if (code === 'server_error') deps.log.error({ err: error, requestId: request.id }, 'request.failed');
    reply.sendError(error);
  }
  if (!incoming.complete) discard(deps, incoming);
  request.committed();
  await reply.flushed;
  if (reply.gone.aborted) code = String(reply.gone.reason);
  const left = reply.gone.aborted || !sockets.outgoing.headersSent;
  request.record.close(dialect.name, left ? 499 : sockets.outgoing.statusCode, code);
}

/** Who asks, what for, and then the answer. */
async function pass(deps: AppDeps, request: InferenceRequest): Promise<ForwardOutcome> {
  const { gate, clock, bodyLimits, scans, intake } = deps;
  const caller = enter(deps, request.incoming);
  request.record.note({ endpointId: caller.endpointId, ...(caller.kind === 'token' && { tokenId: caller.tokenId }) });
  const lookup = { gate, picker: deps.forwarding.picker };
  if (request.dialect.aboutAnswer !== undefined) await askKeeper(request, caller, lookup);
  else await readRequest(request, caller, { limits: { ...bodyLimits, clock, intake }, scans, ...lookup });
  if (request.streamed) request.reply.startHeartbeats();
  const outcome = await forward(request, deps.forwarding);
  // A probe's tokens are not metered.
  if ('usage' in outcome && outcome.usage !== undefined && request.work.only === undefined)
    request.record.used(outcome.usage);
  return outcome;
}

/** Lets a caller in; a token's day is noted. @throws AppError `invalid_api_key`. */
function enter({ gate, clock, tokenUse, connections }: AppDeps, incoming: IncomingMessage): Caller {
  const caller = authenticate(gate, incoming, clock.now());
  connections.belongTo(incoming.socket, caller.endpointId);
  if (caller.kind === 'token') tokenUse.note(caller);
  return caller;
}

/** Where several APIs list models under one path, the caller's own answers. */
function addModels(app: Hono<Bindings>, deps: AppDeps, path: string): void {
  const { gate, forwarding } = deps;
  const listing = (c: Context<Bindings>) => {
    const { incoming } = c.env;
    const caller = enter(deps, incoming);
    const served = modelsOf(gate.pools, caller, (pool) => forwarding.picker.isServing(pool));
    const models = apiFor(
      deps.apis.filter((api) => api.models?.path === path),
      incoming.headers,
    )?.models;
    if (models === undefined) throw new AppError('unknown_route');
    return { models, served };
  };
  app.get(path, (c) => {
    const { models, served } = listing(c);
    return answer(deps, c, models.list(served));
  });
  app.get(`${path}/:id{.+}`, (c) => {
    const { models, served } = listing(c);
    const id = modelIdOf(c.env.incoming.url ?? '', path);
    const found = served.find((one) => one.id === id);
    if (found !== undefined) return answer(deps, c, models.one(found));
    throw modelNotFound(
      id,
      served.map((one) => one.id),
      models.idField,
    );
  });
  for (const each of [path, `${path}/:id{.+}`]) app.all(each, (c) => answerError(deps, c, notAllowed('GET')));
}

function notAllowed(allow: string): AppError {
  return new AppError('method_not_allowed', { details: { allow } });
}

function answer(deps: AppDeps, c: Context<Bindings>, body: object): Response {
  count(deps, c.env.incoming, { status: 200 });
  return Response.json(body, { headers: idHeaders(deps.newId(), clientIdOf(c.env.incoming.headers)) });
}

function answerError(deps: AppDeps, c: Context<Bindings>, thrown: unknown): Response {
  const error = toAppError(thrown);
  if (error.code === 'server_error') deps.log.error({ err: thrown }, 'request.failed');
  discard(deps, c.env.incoming);
  const { status, headers, body } = tell(deps, c.env.incoming, error);
  return new Response(Uint8Array.from(body), { status, headers });
}

function refuse(
  deps: AppDeps,
  { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
  error: AppError,
): void {
  discard(deps, incoming);
  const { status, headers, body } = tell(deps, incoming, error);
  outgoing.writeHead(status, { ...headers, 'content-length': body.length }).end(body);
}

/** No longer than a body may take that is wanted. */
function discard({ clock, intake, bodyLimits }: AppDeps, incoming: IncomingMessage): void {
  discardRest(incoming, { clock, intake, timeoutMs: Math.min(discardMs, bodyLimits.timeoutMs) });
}

/** Counts an error outside of inference, and says it in the words of the API that it is for. */
export function tell(deps: AppDeps, asked: Asked, error: AppError): ToldError {
  const requestId = deps.newId();
  const told = voiceOf(deps.apis, asked).told(error, { requestId });
  count(deps, asked, { status: told.status, code: error.code });
  const ids = idHeaders(requestId, asked.headers && clientIdOf(asked.headers));
  return { ...told, headers: { ...told.headers, ...ids, ...headersOf(error) } };
}

/** What belongs to an error whatever the API. */
function headersOf({ code, details }: AppError): Record<string, string> {
  if (code === 'method_not_allowed') return { allow: String(details['allow']) };
  if (code === 'websocket_not_served') return { upgrade: 'HTTP/1.1', connection: 'upgrade, close' };
  return code === 'header_too_large' ? { connection: 'close' } : {};
}

/** The API that has the path; where several or none have it, the one whose clients send such headers, else the first. */
function voiceOf(apis: AppDeps['apis'], { url = '', headers = {} }: Asked): ErrorVoice {
  const having = apis.filter(({ routes, models }) =>
    [...routes, ...(models === undefined ? [] : [models])].some(({ path }) => url.startsWith(path)),
  );
  return (apiFor(having, headers) ?? apiFor(apis, headers) ?? apis[0]).errors;
}

function apiFor(apis: readonly Api[], headers: IncomingHttpHeaders): Api | undefined {
  return apis.find((api) => api.speaksTo?.(headers)) ?? apis[0];
}

function count({ metrics, apis }: AppDeps, { url = '' }: Asked, end: { status: number; code?: string }): void {
  const isModels = apis.some(({ models }) => models !== undefined && url.startsWith(models.path));
  metrics.requests.inc({ route: isModels ? 'models' : 'other', status: String(end.status) });
  if (end.code !== undefined) metrics.errors.inc({ code: end.code });
}

/** Tells the server that the answer is out. A new one each time: a shared one would carry one request's headers to others. */
function alreadySent(): Response {
  return new Response(null, { headers: { 'x-hono-already-sent': 'true' } });
}
