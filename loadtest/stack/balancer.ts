import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** Where to listen and between which local ports to choose. */
export interface BalancerOptions {
  port: number;
  targets: readonly number[];
}

/**
 * Plays the layer-4 network load balancer in front of several routers: each connection goes to the next target in turn;
 * one that refuses is passed over. It moves bytes and knows nothing of HTTP.
 */
export async function startBalancer({ port, targets }: BalancerOptions): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer({ pauseOnConnect: true }, (client) => {
    keep(client);
    const order = targets.map((_, index) => targets[(turn + index) % targets.length] ?? 0);
    turn += 1;
    void join(client, order, keep);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function join(client: Socket, order: readonly number[], keep: (socket: Socket) => void): Promise<void> {
  for (const target of order) {
    const upstream = connect(target, '127.0.0.1');
    try {
      await once(upstream, 'connect');
    } catch {
      continue;
    }
    keep(upstream);
    if (client.destroyed) return void upstream.destroy();
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
    client.pipe(upstream).pipe(client);
    return;
  }
  client.destroy();
}
