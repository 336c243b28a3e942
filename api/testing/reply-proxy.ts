import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { ClientOperation } from './api-client.ts';
import { published, publishedError } from './published-schema.ts';

/** One exchange as it went over the wire. */
export interface Exchange {
  /** As in `published`: method, and path with `*` for ids. */
  operation: string;
  status: number;
  request: string;
  headers: Headers;
  text: string;
  dropped: boolean;
}

/** A proxy before an API that remembers what went through, and may lose replies. */
export interface ReplyProxy extends AsyncDisposable {
  url: string;
  exchanges: Exchange[];
  /** How many replies of each operation are lost after the API has given them. */
  dropped: Map<string, number>;
}

const collection = '/v2/dedicated-inferences';

/** Starts it on a free port. */
export async function startReplyProxy(target: string): Promise<ReplyProxy> {
  const exchanges: Exchange[] = [];
  const dropped = new Map<string, number>();
  const server = createServer((request, response) => {
    const end = async (): Promise<void> => {
      const exchange = await pass(target, request);
      const left = dropped.get(exchange.operation) ?? 0;
      exchange.dropped = left > 0;
      exchanges.push(exchange);
      if (exchange.dropped) {
        dropped.set(exchange.operation, left - 1);
        request.socket.destroy();
        return;
      }
      const {
        'transfer-encoding': _chunked,
        'content-encoding': _decoded,
        ...headers
      } = Object.fromEntries(exchange.headers);
      response.writeHead(exchange.status, headers).end(exchange.text);
    };
    end().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`,
    exchanges,
    dropped,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function pass(target: string, request: IncomingMessage): Promise<Exchange> {
  const { method = '', url = '' } = request;
  const body = await buffer(request);
  const { connection: _hop, 'content-length': _length, ...headers } = request.headers;
  const sent = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  const reply = await fetch(`${target}${url}`, { method, headers: sent, ...(body.length > 0 && { body }) });
  return {
    operation: operationOf(method, url),
    status: reply.status,
    request: body.toString(),
    headers: reply.headers,
    text: await reply.text(),
    dropped: false,
  };
}

/** The operations as they are called and as they go over the wire. */
export const wireOperations: Readonly<Record<ClientOperation, string>> = {
  create: 'POST ',
  list: 'GET ',
  get: 'GET /*',
  update: 'PATCH /*',
  delete: 'DELETE /*',
  accelerators: 'GET /*/accelerators',
  accelerator: 'GET /*/accelerators/*',
  ca: 'GET /*/ca',
  tokens: 'GET /*/tokens',
  'create-token': 'POST /*/tokens',
  'revoke-token': 'DELETE /*/tokens/*',
  sizes: 'GET /sizes',
  'gpu-model-config': 'GET /gpu-model-config',
};

function operationOf(method: string, url: string): string {
  const path = url.split('?')[0]?.slice(collection.length) ?? '';
  return `${method} ${path.replaceAll(/\/[0-9a-f-]{36}/g, '/*')}`;
}

/** What pydo and godo read as integers. */
const rateHeaders = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'];

/** What does not fit what DigitalOcean's clients accept. */
export function unfitting(exchanges: readonly Exchange[]): string[] {
  return exchanges.flatMap(({ operation, status, headers, text }) => {
    const uncounted = rateHeaders.filter((name) => !/^\d+$/.test(headers.get(name) ?? ''));
    if (uncounted.length > 0) return [`${operation} has no number in ${uncounted.join(', ')}`];
    const expected = published[operation];
    if (expected === undefined) return [`${operation} is no operation`];
    if (status >= 400) return problemsOf(operation, publishedError.safeParse(JSON.parse(text)));
    if (status !== expected.status) return [`${operation} answered ${status}`];
    if (expected.body === null) return text === '' ? [] : [`${operation} has a body`];
    return problemsOf(operation, expected.body.safeParse(JSON.parse(text)));
  });
}

function problemsOf(
  operation: string,
  parsed: { success: boolean; error?: { message: string } | undefined },
): string[] {
  return parsed.success ? [] : [`${operation}: ${parsed.error?.message}`];
}
