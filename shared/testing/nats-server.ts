import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary, onFreePort, startChildServer, type ChildServer } from './child-server.ts';

/** A nats-server of a test, and the folder with every byte that it stores. */
export interface NatsTestServer extends ChildServer {
  folder: string;
}

/**
 * A real nats-server with JetStream and `sync_interval: always` on a free port, in a temporary folder. `settings` are
 * further lines of its configuration, `login` (`user:password@`) stands in its address.
 */
export async function startNatsServer(settings = '', login = ''): Promise<NatsTestServer> {
  return onFreePort((port) => startOn(port, settings, login));
}

async function startOn(port: number, settings: string, login: string): Promise<NatsTestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-nats-'));
  const config = join(folder, 'nats.conf');
  await writeFile(
    config,
    `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(folder)}, sync_interval: always, max_file_store: 4GB }\n${settings}\n`,
  );
  const server = await startChildServer({
    url: `nats://${login}127.0.0.1:${port}`,
    command: findBinary('FAIRWAY_NATS_SERVER', ['nats-server']),
    args: ['-c', config],
    ready: () => natsIsReady(port),
    cleanup: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  });
  return Object.assign(server, { folder });
}

/** The server greets with INFO; JetStream is ready a moment later, when INFO says so. */
async function natsIsReady(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [greeting]: Buffer[] = await once(socket, 'data', { signal: AbortSignal.timeout(1000) });
    if (greeting?.includes('"jetstream":true') !== true) throw new Error('no JetStream yet');
  } finally {
    socket.destroy();
  }
}
