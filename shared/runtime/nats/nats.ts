import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { systemClock } from '../clock.ts';
import { ConfigError } from '../config-error.ts';
import type { Logger } from '../log.ts';
import { endsWithin } from '../within.ts';

/** The one place that knows the NATS client: everything else takes this. */
export interface Nats extends AsyncDisposable {
  nc: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  up(): boolean;
  /** Calls `listener` after each reconnect; the function that comes back ends that. */
  onReconnect(listener: () => void): () => void;
}

/** Where and how to connect: `nats://` or, where nothing else will do, `tls://`; several servers with commas between. */
export interface NatsOptions {
  /** May carry user and password. */
  url: string;
  name: string;
  log: Logger;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal | undefined;
  /** Where JetStream's API is reached (default `$JS.API`); another account may see it under another name. */
  apiPrefix?: string;
  /** Time-out of one request to the server, milliseconds (default 2,000). */
  requestTimeoutMs?: number;
  /** How long its end waits for what is on its way, milliseconds (default 2,000). */
  drainTimeoutMs?: number;
}

/** Atomic batches are right since this version. Source: nats-server release notes 2.12.5. */
const oldestServer = [2, 12, 5] as const;

/**
 * Connects, waits for the first connection, then reconnects for ever; a half-open link is noticed within 10 s.
 * @throws ConfigError when the server is older than 2.12.5; the signal's reason when it aborts the wait.
 */
export async function connectNats(options: NatsOptions): Promise<Nats> {
  const { servers, user, pass, secure } = splitUrl(options.url);
  const nc = await dial(options, {
    servers,
    ...(secure && { tls: {} }),
    ...(user !== undefined && { user }),
    ...(pass !== undefined && { pass }),
    name: options.name,
    // Users hear their own inboxes alone.
    ...(user !== undefined && { inboxPrefix: `_INBOX_${user}` }),
    maxReconnectAttempts: -1,
    // A stack for each request, kept for its failure, takes a tenth of the time of a process that asks a lot.
    noAsyncTraces: true,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    ignoreAuthErrorAbort: true,
    // The third ping without an answer is one too many: 9 s.
    pingInterval: 3000,
    maxPingOut: 2,
    timeout: 2000,
  });
  let up = true;
  const listeners = new Set<() => void>();
  void follow(nc, options.log, (now) => {
    up = now;
    if (now) for (const listener of listeners) listener();
  });
  const api = { timeout: options.requestTimeoutMs ?? 2000, apiPrefix: options.apiPrefix ?? '$JS.API' };
  const version = nc.info?.version ?? '0.0.0';
  if (isOlder(version)) {
    await nc.close();
    throw new ConfigError(`nats-server ${version} is too old: 2.12.5 or newer is needed (atomic batches). Upgrade it.`);
  }
  return {
    nc,
    js: jetstream(nc, api),
    jsm: await jetstreamManager(nc, { ...api, checkAPI: false }),
    up: () => up,
    onReconnect: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async [Symbol.asyncDispose]() {
      const drainMs = options.drainTimeoutMs ?? 2000;
      // A connection that has just gone fails to drain: it is closed, and NATS away has been told.
      const drained = !up || (await endsWithin(nc.drain(), drainMs, { clock: systemClock }).catch(() => false));
      if (!drained) options.log.warn({ drainMs }, 'nats.undrained');
      await nc.close();
    },
  };
}

/** Tries until it is connected or the signal aborts: the client's own waiting for a first connection has no end. */
async function dial(options: NatsOptions, settings: NodeConnectionOptions): Promise<NatsConnection> {
  let told = '';
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await connect(settings);
    } catch (error) {
      const reason = String(error);
      if (reason !== told) options.log.warn({ reason }, 'nats.waiting');
      told = reason;
      await systemClock.sleep(250, options.signal);
    }
  }
}

function splitUrl(text: string): { servers: string[]; user?: string; pass?: string; secure: boolean } {
  const urls = text.split(',').map((part) => (URL.canParse(part.trim()) ? new URL(part.trim()) : undefined));
  const known = urls.filter((url) => url !== undefined && ['nats:', 'tls:'].includes(url.protocol) && url.host !== '');
  const [first] = known;
  if (first === undefined || known.length < urls.length)
    throw new ConfigError('The address of NATS must look like nats://user:password@host:4222 (several: with commas).');
  return {
    servers: known.map((url) => url?.host ?? ''),
    ...(first.username && { user: decodeURIComponent(first.username) }),
    ...(first.password && { pass: decodeURIComponent(first.password) }),
    secure: first.protocol === 'tls:',
  };
}

function isOlder(version: string): boolean {
  const parts = version.split(/[.-]/).slice(0, 3).map(Number);
  for (const [index, oldest] of oldestServer.entries()) {
    const part = parts[index] ?? 0;
    if (part !== oldest) return part < oldest;
  }
  return false;
}

async function follow(nc: NatsConnection, log: Logger, tell: (up: boolean) => void): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') {
      tell(false);
      log.warn('nats.down');
    } else if (status.type === 'reconnect') {
      tell(true);
      log.info('nats.up');
    } else if (status.type === 'close') {
      tell(false);
    } else if (status.type === 'error') {
      log.warn({ reason: String(status.error) }, 'nats.failing');
    }
  }
}
