import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KubeEndpoint } from '#loadtest/cluster/client/kube-http.ts';

/** Shares of calls, 0 to 1, that go wrong, each in its way. */
export interface Weather {
  /** 500, half of them after the call took effect. */
  failed: number;
  /** 429 with `Retry-After: 1`. */
  throttled: number;
  /** Writes: 409. */
  conflicting: number;
  /** Watches: 410. */
  gone: number;
  /** Lists: the answer of at least two seconds ago, where there was one. */
  stale: number;
}

export const calm: Weather = { failed: 0, throttled: 0, conflicting: 0, gone: 0, stale: 0 };

const staleMs = 2000;

interface Answer {
  at: number;
  body: Buffer;
}

/**
 * Stands before a real API server, speaks plain HTTP, and knows what it forwards: calls fail by the weather, watches can be
 * cut, links can be left half open.
 */
export class KubeProxy implements AsyncDisposable {
  weather: Weather = calm;
  /** What it did, by name. */
  readonly done = new Map<string, number>();
  readonly #target: KubeEndpoint;
  readonly #random: () => number;
  readonly #agent: Agent;
  readonly #server: Server;
  readonly #watches = new Set<ServerResponse>();
  readonly #lists = new Map<string, Answer[]>();

  private constructor(target: KubeEndpoint, random: () => number) {
    this.#target = target;
    this.#random = random;
    this.#agent = new Agent({ keepAlive: true, ...target.tls });
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(target: KubeEndpoint, random: () => number): Promise<KubeProxy> {
    const proxy = new KubeProxy(target, random);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resets every open watch. */
  cutWatches(): void {
    for (const watch of this.#watches) watch.destroy();
    this.#count('watch cut', this.#watches.size);
  }

  /** From now on nothing passes on any watch that is open; new ones work. The function that comes back resets these. */
  leaveHalfOpen(): () => void {
    const dead = [...this.#watches];
    this.#count('watch half open', dead.length);
    for (const watch of dead) watch.emit('half-open');
    this.#watches.clear();
    return () => dead.forEach((watch) => watch.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  #count(what: string, times = 1): void {
    if (times > 0) this.done.set(what, (this.done.get(what) ?? 0) + times);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { method = 'GET', url = '/' } = request;
    const query = new URL(url, this.url).searchParams;
    const kind =
      query.get('watch') === 'true' ? 'watch' : method !== 'GET' ? 'write' : query.has('limit') ? 'list' : 'get';
    const lot = this.#random();
    const { failed, throttled, conflicting, gone, stale } = this.weather;
    if (lot < throttled) return this.#refuse(response, 429, 'TooManyRequests');
    if (lot < throttled + failed / 2) return this.#refuse(response, 500, 'InternalError');
    if (kind === 'write' && lot > 1 - conflicting) return this.#refuse(response, 409, 'Conflict');
    if (kind === 'watch' && lot > 1 - gone) return this.#refuse(response, 410, 'Expired');
    const old = kind === 'list' && lot > 1 - stale ? this.#oldAnswer(url) : undefined;
    if (old !== undefined) {
      this.#count('stale list');
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(old);
    }
    const lost = kind !== 'watch' && lot < throttled + failed;
    const sent = httpsRequest(new URL(url, this.#target.url), { method, headers: request.headers, agent: this.#agent });
    // The server is away: so is its answer.
    sent.on('error', () => response.destroy());
    sent.on('response', (answer) => {
      answer.on('error', () => response.destroy());
      if (kind === 'watch') this.#follow(answer, response);
      else void this.#pass(answer, response, { url: kind === 'list' ? url : undefined, lost });
    });
    sent.end(Buffer.concat(pieces));
  }

  #refuse(response: ServerResponse, code: number, reason: string): void {
    this.#count(String(code));
    const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: 'by the weather' };
    const headers = { 'content-type': 'application/json', ...(code === 429 && { 'retry-after': '1' }) };
    response.writeHead(code, headers).end(JSON.stringify(body));
  }

  #follow(answer: IncomingMessage, response: ServerResponse): void {
    this.#watches.add(response);
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    response.once('half-open', () => answer.unpipe(response).resume());
    response.once('close', () => {
      this.#watches.delete(response);
      answer.destroy();
    });
  }

  async #pass(
    answer: IncomingMessage,
    response: ServerResponse,
    { url, lost }: { url: string | undefined; lost: boolean },
  ): Promise<void> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of answer) pieces.push(piece as Buffer);
    } catch {
      return void response.destroy();
    }
    const body = Buffer.concat(pieces);
    if (lost) return this.#refuse(response, 500, 'InternalError');
    if (url !== undefined && answer.statusCode === 200)
      this.#lists.set(url, [...(this.#lists.get(url) ?? []).slice(-20), { at: performance.now(), body }]);
    response.writeHead(answer.statusCode ?? 502, answer.headers).end(body);
  }

  #oldAnswer(url: string): Buffer | undefined {
    const old = (this.#lists.get(url) ?? []).filter(({ at }) => at < performance.now() - staleMs);
    return old.at(-1)?.body;
  }
}
