import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { natsAccounts, type NatsLogin } from '#shared/contract/nats-config.ts';
import { edgeApi, type NatsRole } from '#shared/contract/nats-roles.ts';
import { deriveKey } from '#shared/runtime/keyed-hash.ts';
import { ConfigError } from '#shared/runtime/read-config.ts';
import type { ProcessSpec } from './child-process.ts';
import { loginOf, loginsOf } from '../../api/cli/service.ts';
import { stackPlace } from './stack-place.ts';
import type { StackSecrets } from './secrets.ts';

/** Where a server listens and keeps its data. */
export interface ServerPlace {
  folder: string;
  port: number;
  secrets: StackSecrets;
}

/** A server of the stack: its address, and how to run it unless it runs already. */
export interface StackServer {
  url: string;
  spec: ProcessSpec | undefined;
}

/** NATS as the stack runs it: an address for each role, and one with every right for people and tests. */
export interface StackNats extends StackServer {
  urlOf(role: NatsRole): string;
  /** How routers call JetStream's API. */
  edgeApi: string;
}

/**
 * NATS with JetStream, `sync_interval: always` and the users of a region; NATS_URL names one that runs already, with one user
 * for all.
 */
export async function natsServer(
  { folder, port, secrets }: ServerPlace,
  vpcIds: readonly string[],
): Promise<StackNats> {
  const running = process.env['NATS_URL'];
  if (running !== undefined && running !== '')
    return { url: running, urlOf: () => running, edgeApi: '$JS.API', spec: undefined };
  const { region, team } = stackPlace;
  const natsKey = deriveKey(Buffer.from(secrets.regionKey, 'base64url'), 'nats');
  const person: NatsLogin = {
    user: { account: 'CONTROL', name: 'fairway', publish: ['>'], subscribe: ['>'], answers: true },
    password: secrets.natsPassword,
  };
  const file = join(folder, 'nats.conf');
  const text = [
    `listen: "127.0.0.1:${port}"`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, 'nats'))}, sync_interval: always, max_file_store: 8GB }`,
    `max_payload: 2MB`,
    natsAccounts([person, ...loginsOf(natsKey, { region, vpcIds, teams: [team] })]),
  ].join('\n');
  await writeFile(file, text, { mode: 0o600 });
  const command = binary('FAIRWAY_NATS_SERVER', 'nats-server');
  const urlOf = ({ user, password }: NatsLogin): string => `nats://${user.name}:${password}@127.0.0.1:${port}`;
  return {
    url: urlOf(person),
    urlOf: (role) => urlOf(loginOf(natsKey, role)),
    edgeApi,
    spec: {
      ...foreign('nats', folder),
      command,
      args: ['-c', file],
      ready: () => greeted(port, '', '"jetstream":true'),
    },
  };
}

/** Redis or Valkey without persistence: it holds hints; REDIS_URL names one that runs already. */
export async function redisServer({ folder, port, secrets }: ServerPlace): Promise<StackServer> {
  const running = process.env['REDIS_URL'];
  if (running !== undefined && running !== '') return { url: running, spec: undefined };
  const file = join(folder, 'redis.conf');
  const text = `port ${port}\nbind 127.0.0.1\nsave ""\nappendonly no\ndir ${JSON.stringify(folder)}\nrequirepass ${secrets.redisPassword}\n`;
  await writeFile(file, text, { mode: 0o600 });
  const command = binary('FAIRWAY_REDIS_SERVER', 'valkey-server or redis-server');
  return {
    url: `redis://:${secrets.redisPassword}@127.0.0.1:${port}`,
    spec: { ...foreign('redis', folder), command, args: [file], ready: () => greeted(port, 'PING\r\n', 'NOAUTH') },
  };
}

/** What the processes of servers that are not ours have in common. */
export function foreign(
  name: string,
  folder: string,
): Pick<ProcessSpec, 'name' | 'env' | 'logFile' | 'startTimeoutMs' | 'stopTimeoutMs'> {
  return { name, env: {}, logFile: join(folder, 'logs', `${name}.log`), startTimeoutMs: 15_000, stopTimeoutMs: 5000 };
}

function binary(variable: string, what: string): string {
  const path = process.env[variable];
  if (path !== undefined && path !== '') return path;
  throw new ConfigError(
    `${what} is missing: start with "npm run dev", which gets it, or set ${variable} to the binary.`,
  );
}

/** Sends `say` and waits for an answer that contains `expected`. */
async function greeted(port: number, say: string, expected: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const answer = once(socket, 'data', { signal: AbortSignal.timeout(1000) });
    if (say !== '') socket.write(say);
    const [chunk]: Buffer[] = await answer;
    if (chunk?.includes(expected) !== true) throw new Error('not ready yet');
  } finally {
    socket.destroy();
  }
}
