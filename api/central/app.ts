import { Hono, type Context } from 'hono';
import { authenticate, requireScope } from '../http/authenticate.ts';
import type { TokenLookup } from '../http/api-tokens.ts';
import { cataloguePaths, collectionPath, sealingKeyPath } from '#shared/contract/deployment.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { Principal } from '#shared/contract/identity.ts';
import { regionOfId, regionSchema, type Region } from '#shared/contract/ids.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { gpuModelConfigReply, sizesReply } from '../http/catalog-replies.ts';
import { publicOrigin } from '../http/public-origin.ts';
import { readBody } from '../http/read-input.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import {
  answerErrors,
  countRequest,
  requestScope,
  type RequestMetrics,
  type ScopeVariables,
} from '../http/request-scope.ts';
import { readHints, type Hints } from './regions/hints.ts';
import type { Forwarder, ForwardRequest } from './regions/forward.ts';
import { hopHeader } from './regions/forwarded-headers.ts';
import { listRegions } from './regions/list-regions.ts';
import { refuseTakenName } from './regions/refuse-taken-name.ts';

/** What the app is made of. `regions` are those that it can reach, the first one answers what belongs to none. */
export interface AppOptions {
  regions: readonly Region[];
  forwarder: Forwarder;
  lookup: TokenLookup;
  clock: Clock;
  log: Logger;
  metrics: RequestMetrics;
  limits: RateLimits;
  bodyMaxBytes: number;
  /** Time for a list over several regions, milliseconds. */
  listTimeoutMs: number;
}

/** The environment of the app's handlers. */
export interface CentralEnv {
  Variables: ScopeVariables & { principal: Principal };
}

/** The handler chain, in order: request id, log and metrics, hop guard, authentication, then to the region that owns it. */
export function createApp(options: AppOptions): Hono<CentralEnv> {
  const app = new Hono<CentralEnv>();
  app.use(requestScope<CentralEnv>(options.clock, options.log, options.metrics));
  app.use(async (c, next) => {
    if (c.req.header(hopHeader) !== undefined)
      throw new AppError('bad_request', {
        message: 'The request came back to the front door: an address in FAIRWAY_REGIONS is a front door itself.',
      });
    await next();
  });
  mountRoutes(app, options);
  answerErrors(app, options.log);
  return app;
}

/** Every route, in order. */
function mountRoutes(app: Hono<CentralEnv>, options: AppOptions): void {
  const { regions, forwarder, lookup, clock } = options;
  app.on('GET', ['/openapi.json', '/docs'], (c) => forwardTo(c, options, { region: regions[0] }));
  app.use('/v2/*', async (c, next) => {
    const principal = authenticate(c.req.header('authorization'), lookup, clock.now());
    countRequest(c, options.limits, principal.tokenId);
    c.set('principal', principal);
    await next();
  });
  app.get(collectionPath, async (c) => {
    c.set('operation', 'list');
    return listRegions(requestOf(c), { regions, forwarder, timeoutMs: options.listTimeoutMs });
  });
  app.post(collectionPath, async (c) => {
    c.set('operation', 'create');
    const body = await readBody(c.req.raw, options.bodyMaxBytes);
    const hints = readHints(body);
    return withFreeName(c, options, { region: ownerOf(hints, regions) ?? regions[0], body, name: hints.name });
  });
  for (const [path, reply] of [
    [cataloguePaths.sizes, sizesReply],
    [cataloguePaths.gpuModelConfig, gpuModelConfigReply],
  ] as const)
    app.get(path, (c) => {
      c.set('operation', 'catalogue');
      requireScope(c.get('principal'), 'dedicated_inference:read');
      return c.json(reply(regions));
    });
  app.get(sealingKeyPath, (c) => {
    c.set('operation', 'sealing_key');
    const region = regionSchema.safeParse(c.req.query('region') ?? regions[0]);
    if (region.success && regions.includes(region.data)) return forwardTo(c, options, { region: region.data });
    const problem = { path: 'region', message: `must be one of ${regions.join(', ')}` };
    throw new AppError('unprocessable', { problems: [problem] });
  });
  // What is left on these is no operation: a region says which there are.
  for (const path of [collectionPath, ...Object.values(cataloguePaths), sealingKeyPath])
    app.all(path, (c) => forwardTo(c, options, { region: regions[0] }));
  app.patch(`${collectionPath}/:id`, async (c) => {
    c.set('operation', 'patch');
    const region = regionIn(c.req.param('id'), regions);
    const body = await readBody(c.req.raw, options.bodyMaxBytes);
    return withFreeName(c, options, { region, body, name: readHints(body).name });
  });
  app.all(`${collectionPath}/:id{.+}`, async (c) => {
    c.set('operation', c.req.method.toLowerCase());
    return forwardTo(c, options, { region: regionIn(c.req.param('id'), regions) });
  });
}

/** Forwards what gives an endpoint a name, unless another region has it; those that could not be asked are named. */
async function withFreeName(
  c: Context<CentralEnv>,
  options: AppOptions,
  { region, body, name }: ForwardTo & { name: string | undefined },
): Promise<Response> {
  const others = options.regions.filter((other) => other !== region);
  const unasked = await refuseTakenName(requestOf(c), { name, others, forwarder: options.forwarder });
  const reply = await forwardTo(c, options, { region, body });
  if (unasked.length > 0) reply.headers.set('x-fairway-regions-unasked', unasked.join(', '));
  return reply;
}

/** The region inside the id that a path begins with. @throws AppError `not_found`. */
function regionIn(path: string, regions: readonly Region[]): Region {
  const region = regionOfId(path.split('/')[0]?.toLowerCase() ?? '');
  if (region === undefined || !regions.includes(region)) throw new AppError('not_found');
  return region;
}

function requestOf(c: Context<CentralEnv>): ForwardRequest {
  const { pathname, search } = new URL(c.req.url);
  return {
    method: c.req.method,
    path: `${pathname}${search}`,
    headers: c.req.raw.headers,
    origin: publicOrigin(c.req.raw),
    requestId: c.get('requestId'),
  };
}

/** Where a request goes, and its body when it has been read before. */
interface ForwardTo {
  region: Region | undefined;
  body?: Uint8Array<ArrayBuffer> | undefined;
}

/** Passes a request on as it is. */
async function forwardTo(
  c: Context<CentralEnv>,
  { forwarder, bodyMaxBytes }: AppOptions,
  to: ForwardTo,
): Promise<Response> {
  if (to.region === undefined) throw new AppError('region_unavailable');
  const body = to.body ?? (await readBody(c.req.raw, bodyMaxBytes));
  return forwarder.forward(to.region, { ...requestOf(c), body });
}

/**
 * The region that a create names, undefined when it names none: then any region tells what is wrong with the body.
 * @throws AppError `unprocessable` for a region that this installation does not serve.
 */
function ownerOf(hints: Hints, regions: readonly Region[]): Region | undefined {
  const named = regionSchema.safeParse(hints.region);
  if (!named.success) return undefined;
  if (regions.includes(named.data)) return named.data;
  const message = `${named.data} is not served here; choose ${regions.join(' or ')}`;
  throw new AppError('unprocessable', { problems: [{ path: 'spec.region', message }] });
}
