import { Redis } from 'ioredis';
import type { Logger } from './log.ts';

/** A Redis connection that never queues while it is down: each command fails at once or within its time-out. */
export interface RedisConnection extends AsyncDisposable {
  client: Redis;
  up(): boolean;
}

/** Where and how to connect. `commandTimeoutMs` bounds each command (default 250), also while the server hangs. */
export interface RedisOptions {
  url: string;
  name: string;
  log: Logger;
  commandTimeoutMs?: number;
}

/**
 * Connects and reconnects for ever (50 ms to 1 s apart). It does not wait for the server: Redis holds hints, and every
 * process works without it. Source of the settings: ioredis 6 README, "Auto-reconnect" and "Offline queue".
 */
export function connectRedis(options: RedisOptions): RedisConnection {
  const client = new Redis(options.url, {
    connectionName: options.name,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: options.commandTimeoutMs ?? 250,
    connectTimeout: 1000,
    retryStrategy: (times) => Math.min(1000, 50 * 2 ** Math.min(times, 6)),
    lazyConnect: false,
  });
  let shown = '';
  const show = (event: string, fields: object = {}): void => {
    if (shown !== event) options.log.info({ name: options.name, ...fields }, event);
    shown = event;
  };
  client.on('ready', () => show('redis.up'));
  client.on('close', () => show('redis.down'));
  client.on('error', (error: Error) => show('redis.failing', { reason: error.message }));
  return {
    client,
    up: () => client.status === 'ready',
    [Symbol.asyncDispose]() {
      client.disconnect();
      return Promise.resolve();
    },
  };
}
