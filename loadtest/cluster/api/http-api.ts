import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError, badRequest, invalid, notServed } from '../objects/api-error.ts';
import type { Faults } from './faults.ts';
import type { KindInfo } from '../objects/kinds.ts';
import type { Lists } from './lists.ts';
import { isObject, type JsonObject, type KubeObject } from '../objects/object.ts';
import { jsonPatch, mergePatch } from '../objects/patch.ts';
import type { Registry } from './registry.ts';
import { readDeleteOptions, readObject } from './request-body.ts';
import type { WatchHub } from './watch-hub.ts';

/** What the HTTP face stands on. */
export interface ApiParts {
  registry: Registry;
  lists: Lists;
  watches: WatchHub;
  faults: Faults;
  token: string;
}

interface Route {
  kind: KindInfo;
  namespace: string | undefined;
  name: string | undefined;
  subresource: 'status' | undefined;
}

interface Answer {
  code: number;
  body: JsonObject;
}

const bodyBytesMax = 3 * 1024 * 1024;

/** Serves one request; every failure is answered as a Kubernetes Status. */
export async function serveKubernetes(
  parts: ApiParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://cluster');
    if (url.pathname === '/readyz' || url.pathname === '/healthz') return void response.end('ok');
    if (request.headers.authorization !== `Bearer ${parts.token}`)
      throw new ApiError(401, 'Unauthorized', { message: 'Unauthorized' });
    const body = await readBody(request);
    if (url.pathname === '/fairway/faults') return reply(response, { code: 200, body: parts.faults.set(parse(body)) });
    const fault = await parts.faults.next(request.method ?? 'GET', url.pathname);
    if (fault === 'reset') return void response.destroy();
    const answer = handle(parts, { request, url, body }, response);
    if (fault === 'lose-answer') return void response.destroy();
    if (answer !== undefined) reply(response, answer);
  } catch (error) {
    if (response.headersSent) return void response.destroy();
    reply(response, failure(error));
  }
}

function failure(error: unknown): Answer {
  if (error instanceof ApiError) return { code: error.code, body: error.toStatus() };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 500, body: new ApiError(500, 'InternalError', { message }).toStatus() };
}

function reply(response: ServerResponse, { code, body }: Answer): void {
  const retry = code === 429 || code === 503 ? { 'retry-after': '1' } : {};
  response.writeHead(code, { 'content-type': 'application/json', ...retry });
  response.end(`${JSON.stringify(body)}\n`);
}

interface Incoming {
  request: IncomingMessage;
  url: URL;
  body: string;
}

/** Undefined when the answer is a stream that has begun. */
function handle(parts: ApiParts, incoming: Incoming, response: ServerResponse): Answer | undefined {
  const { request, url } = incoming;
  const route = findRoute(parts.registry, url.pathname);
  if (url.searchParams.has('dryRun')) throw notServed('dryRun');
  const method = request.method ?? 'GET';
  if (method === 'GET' && route.name === undefined) {
    const { kind, namespace } = route;
    if (url.searchParams.get('watch') !== 'true' && url.searchParams.get('watch') !== '1')
      return { code: 200, body: parts.lists.list(kind, namespace, url.searchParams) };
    parts.watches.open({ kind, namespace, query: url.searchParams }, response);
    return undefined;
  }
  if (method === 'GET') return { code: 200, body: parts.registry.get(named(route)) };
  if (method === 'POST') return create(parts, route, incoming);
  if (method === 'PUT') return replace(parts, route, incoming);
  if (method === 'PATCH') return patch(parts, route, incoming);
  if (method === 'DELETE') return remove(parts, route, incoming);
  throw notServed(`${method} ${url.pathname}`);
}

/** `/api/v1/…` or `/apis/GROUP/VERSION/…`, then `[namespaces/NS/]PLURAL[/NAME[/status]]`. */
function findRoute(registry: Registry, path: string): Route {
  const segments = path.split('/').slice(1).map(decodeURIComponent);
  const core = segments[0] === 'api';
  const [group = '', version = ''] = core ? ['', segments[1]] : [segments[1], segments[2]];
  let rest = segments.slice(core ? 2 : 3);
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize') {
    namespace = rest[1];
    rest = rest.slice(2);
  }
  const [plural = '', name, subresource, ...more] = rest;
  const kind = registry.kinds().find((one) => one.id === `${group}/${plural}` && one.version === version);
  if ((!core && segments[0] !== 'apis') || kind === undefined)
    throw new ApiError(404, 'NotFound', { message: 'the server could not find the requested resource' });
  if (more.length > 0 || (subresource !== undefined && (subresource !== 'status' || !kind.hasStatus)))
    throw notServed(`the subresource in ${path}`);
  return { kind, namespace, name, subresource: subresource === undefined ? undefined : 'status' };
}

function named({ kind, namespace, name }: Route): { kind: KindInfo; namespace: string | undefined; name: string } {
  if (name === undefined) throw notServed('this verb on a whole collection');
  if (kind.namespaced && namespace === undefined) throw badRequest(`A ${kind.kind} lives in a namespace; name it.`);
  return { kind, namespace, name };
}

/** `fieldManager`, else the program's name in its user agent, as the API server does it. */
function managerOf({ request, url }: Incoming): string {
  const agent = request.headers['user-agent'] ?? 'unknown';
  return url.searchParams.get('fieldManager') ?? (agent.split('/')[0] || 'unknown');
}

function create({ registry }: ApiParts, route: Route, incoming: Incoming): Answer {
  if (route.name !== undefined) throw notServed('POST to a named object');
  const object = readObject(route.kind, parse(incoming.body), { namespace: route.namespace });
  return { code: 201, body: registry.create(route.kind, object, { manager: managerOf(incoming) }) };
}

function replace({ registry }: ApiParts, route: Route, incoming: Incoming): Answer {
  const target = named(route);
  const object = readObject(route.kind, parse(incoming.body), target);
  if (route.kind.schema !== undefined && object.metadata.resourceVersion === undefined) {
    const message = 'Invalid value: 0: must be specified for an update';
    throw invalid(route.kind, target.name, [
      { reason: 'FieldValueInvalid', message, field: 'metadata.resourceVersion' },
    ]);
  }
  const options = { manager: managerOf(incoming), subresource: route.subresource };
  return { code: 200, body: registry.update(target, () => object, options) };
}

function patch({ registry }: ApiParts, route: Route, incoming: Incoming): Answer {
  const target = named(route);
  const type = (incoming.request.headers['content-type'] ?? '').split(';')[0];
  const options = { manager: managerOf(incoming), subresource: route.subresource };
  const body = parse(incoming.body);
  const query = incoming.url.searchParams;
  if (type === 'application/apply-patch+yaml') {
    if (query.get('fieldManager') === null) throw badRequest('fieldManager is required for apply patch');
    const config = readObject(route.kind, body, target);
    if (config.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
    const applied = registry.apply(target, config, { ...options, force: query.get('force') === 'true' });
    return { code: applied.created ? 201 : 200, body: applied.object };
  }
  const change = (live: KubeObject): KubeObject => {
    if (type === 'application/merge-patch+json') return readObject(route.kind, mergePatch(live, body), target);
    if (type === 'application/json-patch+json') return readObject(route.kind, jsonPatch(live, body), target);
    throw notServed(`a PATCH of type ${type}`);
  };
  return { code: 200, body: registry.update(target, change, options) };
}

function remove({ registry }: ApiParts, route: Route, incoming: Incoming): Answer {
  const target = named(route);
  const options = readDeleteOptions(incoming.body === '' ? {} : parse(incoming.body), incoming.url.searchParams);
  const { object, gone } = registry.delete(target, options);
  if (!gone || route.kind.id === '/pods') return { code: 200, body: object };
  const details = { name: target.name, kind: route.kind.plural, uid: object.metadata.uid };
  return { code: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
}

function parse(body: string): JsonObject {
  try {
    const json: unknown = JSON.parse(body);
    if (isObject(json) || Array.isArray(json)) return json as JsonObject;
  } catch {
    // falls through: the sentence below covers both cases
  }
  throw badRequest('The body is not a JSON object. (YAML is accepted by real servers only; send JSON.)');
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax)
      throw new ApiError(413, 'RequestEntityTooLarge', { message: `limit is ${bodyBytesMax} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
