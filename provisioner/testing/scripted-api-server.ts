import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '../kube/kube-object.ts';
import type { WatchEvent } from '../kube/watch-events.ts';

/** What one request got instead of the normal answer. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** One request as the server saw it; `at` is the clock that the test gave. */
export interface SeenRequest {
  verb: 'list' | 'watch';
  query: URLSearchParams;
  at: number;
  headers: IncomingMessage['headers'];
}

/**
 * An API server of one namespaced kind for tests of faults: it answers lists and watches truthfully, except that each
 * entry of `nextLists` and `nextWatches` replaces the answer to one request. It knows no other verb.
 */
export class ScriptedApiServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly nextLists: Behaviour[] = [];
  readonly nextWatches: Behaviour[] = [];
  readonly #objects = new Map<string, KubeObject>();
  readonly #history: { version: number; event: WatchEvent }[] = [];
  readonly #watchers = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #now: () => number;
  #version = 1000;
  #port = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  /** Listens, on the same port as before when it was closed. */
  async open(): Promise<this> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get version(): string {
    return String(this.#version);
  }

  get watching(): number {
    return this.#watchers.size;
  }

  /** `name=value` of all objects, sorted: what a faithful copy must equal. */
  get contents(): string[] {
    return contentsOf([...this.#objects.values()]);
  }

  put(name: string, value: string): void {
    const old = this.#objects.get(name);
    const uid = old?.metadata.uid ?? `uid-${name}-${this.#version + 1}`;
    const object = pod({ name, value, uid, version: (this.#version += 1) });
    this.#objects.set(name, object);
    this.#publish({ type: old === undefined ? 'ADDED' : 'MODIFIED', object });
  }

  /** `unseen`: the event reaches nobody, now or later. */
  remove(name: string, how: { unseen?: boolean } = {}): void {
    const old = this.#objects.get(name);
    if (old === undefined) return;
    this.#version += 1;
    this.#objects.delete(name);
    const object = { ...old, metadata: { ...old.metadata, resourceVersion: this.version } };
    if (how.unseen !== true) this.#publish({ type: 'DELETED', object });
  }

  /** Forgets history: a watch from an older version gets a 410. */
  compact(): void {
    this.#history.length = 0;
  }

  /** Goes back to an older version with no objects, as after a restore from a backup. */
  restore(version: number): void {
    this.#version = version;
    this.#objects.clear();
    this.#history.length = 0;
  }

  bookmark(): void {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: '', resourceVersion: this.version } };
    this.#tell(line({ type: 'BOOKMARK', object }));
  }

  /** Does something to every open watch. */
  toWatchers(fault: (response: ServerResponse) => void): void {
    for (const watcher of this.#watchers) if (!watcher.writableEnded) fault(watcher);
  }

  /** The present list as an answer, optionally with another version. */
  listBody(version = this.version): string {
    return JSON.stringify({
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: { resourceVersion: version },
      items: [...this.#objects.values()],
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const query = new URL(request.url ?? '/', this.url).searchParams;
    const verb = query.get('watch') === 'true' ? 'watch' : 'list';
    this.requests.push({ verb, query, at: this.#now(), headers: request.headers });
    const behaviour = (verb === 'list' ? this.nextLists : this.nextWatches).shift();
    if (behaviour !== undefined) behaviour(request, response);
    else if (verb === 'list') this.#list(query, response);
    else this.#watch(Number(query.get('resourceVersion')), response);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const all = [...this.#objects.values()].map(({ metadata, ...rest }) => ({ metadata, spec: rest['spec'] }));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Number(query.get('limit') ?? all.length);
    const metadata = { resourceVersion: this.version, ...(to < all.length && { continue: String(to) }) };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata, items: all.slice(from, to) }));
  }

  #watch(since: number, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const oldest = this.#history[0]?.version ?? this.#version + 1;
    if (since < oldest - 1) return void response.end(line(goneEvent));
    for (const entry of this.#history) if (entry.version > since) response.write(line(entry.event));
    this.#watchers.add(response);
    response.on('close', () => this.#watchers.delete(response));
  }

  #publish(event: WatchEvent): void {
    this.#history.push({ version: this.#version, event });
    this.#tell(line(event));
  }

  #tell(said: string): void {
    for (const watcher of this.#watchers) if (!watcher.writableEnded) watcher.write(said);
  }
}

/** Ready-made faults. */
export const faults = {
  /** Answers with a Kubernetes Status. */
  status:
    (code: number, fields: { reason?: string; retryAfter?: string } = {}): Behaviour =>
    (_, response) => {
      if (fields.retryAfter !== undefined) response.setHeader('retry-after', fields.retryAfter);
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          kind: 'Status',
          status: 'Failure',
          code,
          reason: fields.reason ?? '',
          message: `scripted ${code}`,
        }),
      );
    },
  /** Answers with this body. */
  body:
    (body: string): Behaviour =>
    (_, response) =>
      void response.end(body),
  /** A watch that says these lines and ends. */
  lines:
    (...said: object[]): Behaviour =>
    (_, response) =>
      void response.end(said.map(line).join('')),
  /** TCP reset instead of an answer. */
  reset: (): Behaviour => (request) => void request.socket.resetAndDestroy(),
  /** The connection stays open and nothing comes, not even headers. */
  halfOpen: (): Behaviour => () => {},
  /** Headers, then nothing: a watch that died without a word. */
  silent: (): Behaviour => (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
  },
};

/** The 410 as it comes inside a watch. */
export const goneEvent = {
  type: 'ERROR',
  object: { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old resource version' },
};

/** A pod with one value in its spec. */
export function pod(fields: { name: string; value: string; uid: string; version: number }): KubeObject {
  const { name, value, uid, version } = fields;
  const metadata = {
    name,
    namespace: 'test',
    uid,
    resourceVersion: String(version),
    managedFields: [{ manager: 'someone' }],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { value } };
}

/** `name=value` of pods made by `pod`, sorted. */
export function contentsOf(objects: KubeObject[]): string[] {
  return objects.map((object) => `${object.metadata.name}=${(object['spec'] as { value: string }).value}`).toSorted();
}

/** One event as a line of a watch. */
export function line(event: object): string {
  return `${JSON.stringify(event)}\n`;
}
