import { z } from 'zod';
import { count, keepAliveTime, lingerTime, natsDrainTimeout, port, secretText } from '#shared/runtime/read-config.ts';

/** Settings of both servers of the API, with what differs: the usual port, whose NATS it is, the time to drain. */
export const serverSettings = (own: { port: number; nats: string; drainTimeoutMs: number }) => ({
  FAIRWAY_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  FAIRWAY_PORT: port.default(own.port).describe('port of the API; 0 takes a free one'),
  FAIRWAY_ADMIN_HOST: z.string().default('127.0.0.1').describe('address of health, readiness and metrics'),
  FAIRWAY_ADMIN_PORT: port.default(0).describe('port of health, readiness and metrics; 0 takes a free one'),
  FAIRWAY_NATS_URL: secretText.describe(own.nats),
  FAIRWAY_BODY_MAX_BYTES: count(1024).default(1_048_576).describe('largest request body'),
  FAIRWAY_REQUESTS_MAX: count(1)
    .default(256)
    .describe('most requests at once, and most commands over NATS; more get a 503'),
  FAIRWAY_CONNECTIONS_MAX: count(1).default(4096).describe('most connections at once; more are closed at once'),
  FAIRWAY_KEEP_ALIVE_MS: keepAliveTime,
  FAIRWAY_LINGER_MS: lingerTime,
  FAIRWAY_RATE_PER_HOUR: count(1).default(5000).describe('most requests of one API token in an hour; more get a 429'),
  FAIRWAY_RATE_PER_MINUTE: count(1).default(250).describe('most requests of one API token in a minute'),
  FAIRWAY_NATS_DRAIN_TIMEOUT_MS: natsDrainTimeout,
  FAIRWAY_DRAIN_TIMEOUT_MS: count(0).default(own.drainTimeoutMs).describe('time for requests in flight at the end'),
});

/** These settings as read. */
export type ServerSettings = Readonly<z.infer<z.ZodObject<ReturnType<typeof serverSettings>>>>;
