import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Clock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { RouterPorts } from './ports.ts';

/** One router behind a balancer. */
type Target = Pick<RouterPorts, 'port' | 'adminPort'>;

/** Between two looks at a target's readiness, and how long one look may take, milliseconds. */
const lookMs = 500;
/** Within this time a target that is not ready any more gets no new connection, milliseconds. */
export const noticedMs = 3 * lookMs;

/**
 * Plays the layer-4 network load balancer in front of several routers: each connection goes to the next target in turn
 * that was ready at the last look; one that refuses is passed over, and while none is ready all are asked. It moves bytes
 * and knows nothing of HTTP.
 */
export async function startBalancer(
  { port, targets }: { port: number; targets: readonly Target[] },
  clock: Clock,
): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const away = new Set<Target>();
  let turn = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  };
  const look = async (target: Target): Promise<void> => {
    if (await isReady(target)) away.delete(target);
    else away.add(target);
  };
  const server = createServer({ pauseOnConnect: true }, (client) => {
    keep(client);
    const inTurn = targets.map((_, index) => targets[(turn + index) % targets.length] as Target);
    const ready = inTurn.filter((target) => !away.has(target));
    turn += 1;
    void join(client, ready.length > 0 ? ready : inTurn, keep);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const options = { name: 'balancer.look', everyMs: lookMs, clock, log: silentLogger() };
  const looking = startLoop(options, async () => void (await Promise.all(targets.map(look))));
  return {
    async [Symbol.asyncDispose]() {
      await looking[Symbol.asyncDispose]();
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function isReady({ adminPort }: Target): Promise<boolean> {
  const signal = AbortSignal.timeout(lookMs);
  return fetch(`http://127.0.0.1:${adminPort}/readyz`, { signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function join(client: Socket, order: readonly Target[], keep: (socket: Socket) => void): Promise<void> {
  for (const { port } of order) {
    const upstream = connect(port, '127.0.0.1');
    try {
      await once(upstream, 'connect');
    } catch {
      continue;
    }
    keep(upstream);
    if (client.destroyed) return void upstream.destroy();
    client.once('close', () => upstream.destroy());
    // Not before the client has what was sent.
    upstream.once('close', () => client.destroySoon());
    client.pipe(upstream).pipe(client);
    return;
  }
  client.destroy();
}
