import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came in. */
export interface Received {
  readonly client: string;
  /** Milliseconds, by the clock of the process. */
  readonly at: number;
  readonly body: string;
}

/** Answers a completion of a client, who has asked `count` times before. */
export type Behaviour = (response: ServerResponse, asked: { client: string; count: number }) => void;

/** The header by which it knows who asks. */
export const clientHeader = 'x-client';

/** An OpenAI-compatible server of a few lines, with one model and whatever behaviour. */
export class SmallServer implements AsyncDisposable {
  static readonly model = 'small';
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #behaviour: Behaviour;
  readonly #key: string | undefined;

  private constructor(behaviour: Behaviour, key: string | undefined) {
    this.#behaviour = behaviour;
    this.#key = key;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** With a key, nobody else is let in. */
  static async start(behaviour: Behaviour, key?: string): Promise<SmallServer> {
    const small = new SmallServer(behaviour, key);
    small.#server.listen(0, '127.0.0.1');
    await once(small.#server, 'listening');
    return small;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authorization } = request.headers;
    if (this.#key !== undefined && authorization !== `Bearer ${this.#key}`)
      return void response.writeHead(401).end(JSON.stringify({ error: { message: `no such key: ${authorization}` } }));
    if (request.url === '/v1/models')
      return void response.end(JSON.stringify({ object: 'list', data: [{ id: SmallServer.model }] }));
    let body = '';
    for await (const piece of request) body += String(piece);
    const client = String(request.headers[clientHeader]);
    const count = this.received.filter((one) => one.client === client).length;
    this.received.push({ client, at: performance.now(), body });
    this.#behaviour(response, { client, count });
  }
}

/** Three words, then usage where it is given; `[DONE]` may be left out. */
export function answer(
  response: ServerResponse,
  { usage, isWhole = true }: { usage?: object; isWhole?: boolean } = {},
): void {
  begin(response);
  for (let word = 0; word < 3; word += 1) frame(response, { choices: [{ delta: { content: ` word${word}` } }] });
  if (usage !== undefined) frame(response, { choices: [], usage });
  response.end(isWhole ? 'data: [DONE]\n\n' : undefined);
}

/** The head of a stream. */
export function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
}

/** One event. */
export function frame(response: ServerResponse, content: object): void {
  response.write(`data: ${JSON.stringify(content)}\n\n`);
}
