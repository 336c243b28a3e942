import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { once } from 'node:events';

/** A reply, read to its end or to where it broke. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly broken: boolean;
}

/** A raw request to a router; `path` goes out byte for byte. */
export interface RawRequest {
  readonly url: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** A request under way: its answer, as soon as its head is there, and a way to leave at any time. */
export interface Started {
  readonly response: Promise<IncomingMessage>;
  abort(): void;
}

/** Sends a request. */
export function start(raw: RawRequest): Started {
  const { hostname, port } = new URL(raw.url);
  const body = raw.body ?? '';
  const method = raw.method ?? 'POST';
  const length = String(Buffer.byteLength(body));
  const request = httpRequest({
    hostname,
    port,
    method,
    path: raw.path ?? '/v1/chat/completions',
    agent: false,
    headers: {
      ...(method === 'POST' && { 'content-type': 'application/json', 'content-length': length }),
      ...raw.headers,
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.on('response', (response) => {
    response.on('error', () => {});
    resolve(response);
  });
  request.on('error', reject);
  promise.catch(() => {});
  request.end(body);
  return { response: promise, abort: () => request.destroy() };
}

/** Reads an answer to its end. */
export async function readAll(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(response, 'close');
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text, broken: !response.complete };
}

/** Sends a request and reads the whole answer. */
export async function ask(raw: RawRequest): Promise<Reply> {
  return readAll(await start(raw).response);
}
