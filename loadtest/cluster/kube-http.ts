import { Agent, type Dispatcher } from 'undici';
import type { JsonObject } from './api/object.ts';

/** Where a cluster answers, embedded or real. */
export interface KubeEndpoint {
  url: string;
  token: string;
  /** The server's authority, for https. */
  caPem?: string | undefined;
}

export interface KubeRequest {
  query?: Record<string, string>;
  body?: unknown;
  contentType?: string;
  /** `User-Agent`, by which the API server names a field manager that gives no name. */
  userAgent?: string;
  signal?: AbortSignal;
  /** Another token than the endpoint's. */
  token?: string;
}

export interface KubeAnswer {
  code: number;
  body: JsonObject;
}

/** One event of a watch as it came. */
export interface WatchEvent {
  type: string;
  object: JsonObject;
}

/** A raw client of the Kubernetes API: answers are given as they are, whatever their code. */
export class KubeHttp implements AsyncDisposable {
  readonly #endpoint: KubeEndpoint;
  readonly #agent: Agent;

  constructor(endpoint: KubeEndpoint) {
    this.#endpoint = endpoint;
    const connect = endpoint.caPem === undefined ? {} : { ca: endpoint.caPem };
    this.#agent = new Agent({ connect, bodyTimeout: 0, connections: 64 });
  }

  async send(method: Dispatcher.HttpMethod, path: string, request: KubeRequest = {}): Promise<KubeAnswer> {
    const { statusCode, body } = await this.#dispatch(method, path, request);
    const text = await body.text();
    return { code: statusCode, body: parse(text) };
  }

  /** Server-side apply; the query carries `fieldManager` and `force`. */
  async apply(path: string, object: object, query: Record<string, string>): Promise<KubeAnswer> {
    return this.send('PATCH', path, { body: object, contentType: 'application/apply-patch+yaml', query });
  }

  async mergePatch(path: string, body: object, query: Record<string, string> = {}): Promise<KubeAnswer> {
    return this.send('PATCH', path, { body, contentType: 'application/merge-patch+json', query });
  }

  /** Events until the server ends the watch or the signal aborts it. A refused watch gives one ERROR event. */
  async *watch(path: string, request: KubeRequest = {}): AsyncGenerator<WatchEvent> {
    const query = { watch: 'true', ...request.query };
    const { statusCode, body } = await this.#dispatch('GET', path, { ...request, query });
    if (statusCode !== 200) return yield { type: 'ERROR', object: parse(await body.text()) };
    body.setEncoding('utf8');
    let rest = '';
    for await (const piece of body as AsyncIterable<string>) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #dispatch(method: Dispatcher.HttpMethod, path: string, request: KubeRequest): Promise<Dispatcher.ResponseData> {
    const url = new URL(path, this.#endpoint.url);
    return this.#agent.request({
      origin: url.origin,
      path: url.pathname,
      method,
      ...(request.query === undefined ? {} : { query: request.query }),
      headers: {
        authorization: `Bearer ${request.token ?? this.#endpoint.token}`,
        accept: 'application/json',
        'user-agent': request.userAgent ?? 'fairway-cluster',
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  }
}

function parse(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return { message: text };
  }
}
