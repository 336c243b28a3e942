import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { JsonObject } from '../objects/object.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Where a cluster answers, embedded or real, and as whom it is asked. */
export interface KubeEndpoint {
  url: string;
  /** Undefined where a certificate says who asks. */
  token?: string | undefined;
  /** PEM texts, as node:tls takes them. */
  tls?: { ca?: string; cert?: string; key?: string; servername?: string; rejectUnauthorized?: boolean };
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
  readonly #agent: HttpAgent;

  constructor(endpoint: KubeEndpoint) {
    this.#endpoint = endpoint;
    const options = { keepAlive: true, maxSockets: 64 };
    const secure = endpoint.url.startsWith('https:');
    this.#agent = secure ? new HttpsAgent({ ...options, ...endpoint.tls }) : new HttpAgent(options);
  }

  async send(method: Method, path: string, request: KubeRequest = {}): Promise<KubeAnswer> {
    const answer = await this.#dispatch(method, path, request);
    let text = '';
    for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) text += piece;
    return { code: answer.statusCode ?? 0, body: parse(text) };
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
    const answer = await this.#dispatch('GET', path, { ...request, query });
    let rest = '';
    for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) {
      if (answer.statusCode !== 200) {
        yield { type: 'ERROR', object: parse(piece) };
        return;
      }
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }

  /** The answer's head; its body is still to be read. */
  #dispatch(method: Method, path: string, options: KubeRequest): Promise<IncomingMessage> {
    const url = new URL(path, this.#endpoint.url);
    if (options.query !== undefined) url.search = new URLSearchParams(options.query).toString();
    const body = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    const token = options.token ?? this.#endpoint.token;
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      accept: 'application/json',
      'user-agent': options.userAgent ?? 'fairway-cluster',
      ...(body && { 'content-type': options.contentType ?? 'application/json', 'content-length': body.length }),
    };
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const settings = { method, headers, agent: this.#agent, ...(options.signal && { signal: options.signal }) };
    return new Promise((resolve, reject) => {
      const sent = start(url, settings, resolve);
      sent.once('error', reject);
      sent.end(body);
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
