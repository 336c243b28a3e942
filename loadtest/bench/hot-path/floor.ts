import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { readTlsFiles, type TlsFiles } from '#shared/runtime/tls/tls-files.ts';
import { hear, say } from './lines.ts';

/** What Node's own server and undici cost without a router: bodies are taken whole and go to the replicas by turns. */
const { ports, tls } = await hear<{ ports: number[]; tls?: TlsFiles }>();
const identity = tls && (await readTlsFiles(tls));
const origin = identity === undefined ? 'http://127.0.0.1' : 'https://localhost';
const pools = ports.map((port) => new Pool(`${origin}:${port}`, { pipelining: 1, allowH2: false }));
let turn = 0;

const serve: RequestListener = (incoming, outgoing) => {
  const pieces: Buffer[] = [];
  const { method = 'GET', url: path = '/' } = incoming;
  incoming.on('data', (piece: Buffer) => pieces.push(piece));
  incoming.on('end', () => {
    const headers = { 'content-type': 'application/json' };
    pools[(turn += 1) % pools.length]?.dispatch(
      { method, path, headers, body: Buffer.concat(pieces) },
      {
        onRequestStart() {},
        onResponseStart(_, status) {
          outgoing.writeHead(status, { 'content-type': 'text/event-stream' }).flushHeaders();
        },
        onResponseData(controller, chunk) {
          if (outgoing.write(chunk)) return;
          controller.pause();
          outgoing.once('drain', () => controller.resume());
        },
        onResponseEnd: () => void outgoing.end(),
        onResponseError: () => void outgoing.destroy(),
      },
    );
  });
};
const server = identity === undefined ? createServer(serve) : createTlsServer(identity, serve);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
say({ port: (server.address() as AddressInfo).port });
