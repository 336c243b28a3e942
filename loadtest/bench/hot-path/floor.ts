import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { hear, say } from './lines.ts';

/** What Node's own server and undici cost without a router: bodies are taken whole and go to the replicas by turns. */
const { ports } = await hear<{ ports: number[] }>();
const pools = ports.map((port) => new Pool(`http://127.0.0.1:${port}`, { pipelining: 1 }));
let turn = 0;

const server = createServer((incoming, outgoing) => {
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
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
say({ port: (server.address() as AddressInfo).port });
