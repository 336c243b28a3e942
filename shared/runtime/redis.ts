import { Redis } from 'ioredis';
import type { Logger } from './log.ts';

/** A Redis connection that never queues while it is down: each command fails at once or within its time-out. */
export interface RedisConnection extends AsyncDisposable {
  client: Redis;
  up(): boolean;
}

/**
 * Where and how to connect. `commandTimeoutMs` bounds each command (default 250), also while the server hangs; after four
 * times that without a single byte in answer the connection is given up and made anew.
 */
export interface RedisOptions {
  url: string;
  name: string;
  log: Logger;
  commandTimeoutMs?: number;
}

/**
 * Connects and reconnects for ever (50 ms to 1 s apart). It does not wait for the server: Redis holds hints, and every
 * process works without it. Who subscribes does it again at each `ready`: the client's own resubscription leaves a
 * rejection that nobody catches. Source of the settings: ioredis 6 README, "Auto-reconnect" and "Offline queue".
 */
export function connectRedis(options: RedisOptions): RedisConnection {
  const commandTimeoutMs = options.commandTimeoutMs ?? 250;
  const client = new Redis(options.url, {
    connectionName: options.name,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    socketTimeout: 4 * commandTimeoutMs,
    connectTimeout: 1000,
    // A server that hangs never answers the end of a connection.
    disconnectTimeout: 100,
    retryStrategy: (times) => Math.min(1000, 50 * 2 ** Math.min(times, 6)),
    // After a failover the old primary refuses writes: the name may lead to the new one by now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  tellChanges(client, options);
  return {
    client,
    up: () => client.status === 'ready',
    [Symbol.asyncDispose]() {
      client.disconnect();
      return Promise.resolve();
    },
  };
}

/** One line when the connection is lost or cannot be made, one when it works: not one for each of the tries between. */
function tellChanges(client: Redis, { name, log }: RedisOptions): void {
  let told: boolean | undefined;
  const tell = (up: boolean, reason?: string): void => {
    if (told === up) return;
    told = up;
    if (up) log.info({ name }, 'redis.up');
    else log.warn({ name, reason }, 'redis.down');
  };
  client.on('ready', () => tell(true));
  client.on('error', (error: Error) => tell(false, error.message));
  client.on('close', () => tell(false, 'the connection was closed'));
}
