import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { authenticate, type Gate } from './access/authenticate.ts';
import type { Api, Dialect, ErrorVoice } from './dialects/dialect.ts';
import { forward, type ForwardDeps, type ForwardOutcome } from './forward/forward.ts';
import { ConnectionTurns } from './request/connection-turns.ts';
import { InferenceRequest, type RequestDeps } from './request/inference-request.ts';
import { modelIdOf, readTarget } from './request/raw-target.ts';
import { modelNotFound, modelsOf, readRequest } from './request/read-request.ts';
import { BodyAbortedError, discardRest } from './request/request-body.ts';

/** What the handlers work with. */
export interface AppDeps extends RequestDeps {
  readonly apis: readonly [Api, ...Api[]];
  readonly gate: Gate;
  readonly bodyLimits: { readonly bytesMax: number; readonly timeoutMs: number };
  readonly forwarding: ForwardDeps;
}

interface Bindings {
  Bindings: HttpBindings;
}

/** How long a body that nobody wants is read and thrown away, so that the answer is read and not a reset. */
const discardMs = 5000;
/** Requests that a connection may send ahead of the one that is answered. */
const pipelinedMax = 16;

/**
 * The route table, in order. Inference writes to the socket itself: no middleware stands around it, since one that sets
 * headers after the handler would touch an answer that is long gone.
 */
export function createApp(deps: AppDeps): Hono<Bindings> {
  const app = new Hono<Bindings>();
  for (const api of deps.apis) {
    for (const dialect of api.routes) {
      app.on(dialect.method, dialect.path, async (c) => {
        await serve(deps, dialect, c.env);
        return alreadySent();
      });
      app.all(dialect.path, (c) => answerError(deps, c, notAllowed(dialect.method)));
    }
    if (api.models !== undefined) addModels(app, deps, api.models);
  }
  app.notFound((c) =>
    answerError(deps, c, new AppError('unknown_route', { message: `${c.req.path.slice(0, 200)} is not served here.` })),
  );
  app.onError((error, c) => answerError(deps, c, error));
  return app;
}

/** The listener of the data plane: one request of a connection at a time, its raw target looked at before anything parses it. */
export function createListener(app: Hono<Bindings>, deps: AppDeps): RequestListener {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false, autoCleanupIncoming: false });
  const turns = new ConnectionTurns(pipelinedMax, () => deps.metrics.cut.inc({ reason: 'pipelined' }));
  const modelsPaths = deps.apis.flatMap(({ models }) => models?.path ?? []);
  return (incoming, outgoing) =>
    turns.enter(incoming, outgoing, () => {
      try {
        readTarget(incoming, modelsPaths);
      } catch (error) {
        return refuse(deps, { incoming, outgoing }, toAppError(error));
      }
      void handle(incoming, outgoing);
    });
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
  if (!incoming.complete) discardRest(incoming, deps.clock, discardMs);
  request.committed();
  await reply.flushed;
  if (reply.gone.aborted) code = String(reply.gone.reason);
  const left = reply.gone.aborted || !sockets.outgoing.headersSent;
  request.close(left ? 499 : sockets.outgoing.statusCode, code);
}

/** Who asks, what for, and then the answer. */
async function pass(deps: AppDeps, request: InferenceRequest): Promise<ForwardOutcome> {
  const { gate, clock, bodyLimits } = deps;
  const caller = authenticate(gate, request.incoming.headers, clock.now());
  request.note({ endpointId: caller.endpointId, ...(caller.kind === 'token' && { tokenId: caller.tokenId }) });
  await readRequest(request, caller, { limits: { ...bodyLimits, clock }, pools: gate.pools });
  if (request.streamed) request.reply.startHeartbeats();
  const outcome = await forward(request, deps.forwarding);
  if ('usage' in outcome) request.used(outcome.usage);
  return outcome;
}

function addModels(app: Hono<Bindings>, deps: AppDeps, models: NonNullable<Api['models']>): void {
  const { gate, clock, forwarding } = deps;
  const served = (c: Context<Bindings>) => {
    const { endpointId } = authenticate(gate, c.env.incoming.headers, clock.now());
    return modelsOf(gate.pools, endpointId, (pool) => forwarding.picker.isServing(pool));
  };
  app.get(models.path, (c) => answer(deps, c, models.list(served(c))));
  app.get(`${models.path}/:id{.+}`, (c) => {
    const all = served(c);
    const id = modelIdOf(c.env.incoming.url ?? '', models.path);
    const found = all.find((one) => one.id === id);
    if (found !== undefined) return answer(deps, c, models.one(found));
    throw modelNotFound(
      id,
      all.map((one) => one.id),
      models.idField,
    );
  });
  for (const path of [models.path, `${models.path}/:id{.+}`])
    app.all(path, (c) => answerError(deps, c, notAllowed('GET')));
}

function notAllowed(allow: string): AppError {
  return new AppError('method_not_allowed', { details: { allow } });
}

function answer(deps: AppDeps, c: Context<Bindings>, body: object): Response {
  count(deps, c.env.incoming, { status: 200 });
  return Response.json(body, { headers: { 'x-request-id': deps.newId() } });
}

function answerError(deps: AppDeps, c: Context<Bindings>, thrown: unknown): Response {
  const error = toAppError(thrown);
  if (error.code === 'server_error') deps.log.error({ err: thrown }, 'request.failed');
  const { body, headers } = tell(deps, c.env.incoming, error);
  return new Response(Uint8Array.from(body), { status: error.status, headers });
}

function refuse(
  deps: AppDeps,
  { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
  error: AppError,
): void {
  const { body, headers } = tell(deps, incoming, error);
  outgoing.writeHead(error.status, headers).end(body);
}

/** An error outside of inference, in the words of the API whose path it has. */
function tell(
  deps: AppDeps,
  incoming: IncomingMessage,
  error: AppError,
): { body: Buffer; headers: Record<string, string> } {
  const { allow } = error.details;
  count(deps, incoming, error);
  discardRest(incoming, deps.clock, discardMs);
  const voice = voiceOf(deps.apis, incoming.url ?? '');
  const headers = {
    'content-type': 'application/json',
    'x-request-id': deps.newId(),
    ...voice.headers(error),
    ...(typeof allow === 'string' && { allow }),
  };
  return { body: voice.body(error), headers };
}

/** Where no API has the path, the first one speaks. */
function voiceOf(apis: AppDeps['apis'], url: string): ErrorVoice {
  const has = ({ routes, models }: Api): boolean =>
    [...routes, ...(models === undefined ? [] : [models])].some(({ path }) => url.startsWith(path));
  return (apis.find(has) ?? apis[0]).errors;
}

function count({ metrics, apis }: AppDeps, incoming: IncomingMessage, end: { status: number; code?: string }): void {
  const isModels = apis.some(({ models }) => models !== undefined && incoming.url?.startsWith(models.path) === true);
  metrics.requests.inc({ route: isModels ? 'models' : 'other', status: String(end.status) });
  if (end.code !== undefined) metrics.errors.inc({ code: end.code });
}

/** Tells the server that the answer is out. A new one each time: a shared one would carry one request's headers to others. */
function alreadySent(): Response {
  return new Response(null, { headers: { 'x-hono-already-sent': 'true' } });
}
