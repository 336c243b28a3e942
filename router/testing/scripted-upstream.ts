import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { frames } from './chat-frames.ts';

/** One request as a model server got it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly response: ServerResponse;
  /** When the router closed the connection before the answer was complete, monotonic milliseconds. */
  abortedAt: number | undefined;
}

/** How one request is answered. */
export type Script = (seen: SeenRequest) => void | Promise<void>;

/** A model server whose every answer is written by the test. */
export interface ScriptedUpstream extends AsyncDisposable {
  readonly port: number;
  readonly seen: SeenRequest[];
  /** How the following requests are answered. */
  script: Script;
  /** Takes no new connection and ends the idle ones; what is open stays as it is. */
  stopListening(): void;
  /** Looks get no answer either, as with SIGSTOP. */
  silent: boolean;
}

/** Starts one on a free port of 127.0.0.1; `/health` and `/metrics` answer by themselves. */
export async function startScriptedUpstream(script: Script): Promise<ScriptedUpstream> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => void serve(request, response));
  const upstream = { seen, script, silent: false, port: 0 };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === '/health' || request.url === '/metrics')
      return upstream.silent ? undefined : void response.end('vllm:num_requests_running{model_name="m"} 1\n');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const one: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks),
      response,
      abortedAt: undefined,
    };
    response.on('close', () => response.writableFinished || (one.abortedAt = performance.now()));
    seen.push(one);
    await upstream.script(one);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(upstream, {
    port,
    stopListening: () => {
      server.close();
      server.closeIdleConnections();
    },
    async [Symbol.asyncDispose]() {
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      server.closeAllConnections();
      await closed;
    },
  });
}

/** Starts a stream. */
export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
}

/** Streams these words, with usage if the router asked for it, and ends well. */
export function streamWords(...words: string[]): Script {
  return ({ response, body }) => {
    beginStream(response);
    response.write(frames.role);
    for (const word of words) response.write(frames.text(word));
    response.write(frames.finish);
    if (body.includes('"include_usage":true')) response.write(frames.usage(20, words.length));
    response.end(frames.done);
  };
}

/** Answers at once with JSON. */
export function answerJson(status: number, value: unknown): Script {
  return ({ response }) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}
