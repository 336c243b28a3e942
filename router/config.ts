import { z } from 'zod';
import { uuidSchema } from '#shared/contract/ids.ts';
import { routerIdSchema, type DrainReport } from '#shared/contract/replica.ts';
import { edgeApi } from '#shared/contract/nats-roles.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { memberBytesMax } from './scan/body-rules.ts';
import type { BrainOptions } from './pick/brain.ts';
import type { ProcessesOptions } from './processes/start-processes.ts';
import type { ListenerPlaces } from './request/listeners.ts';
import {
  count,
  flag,
  keepAliveTime,
  lingerTime,
  natsDrainTimeout,
  port,
  readConfig,
  secretText,
} from '#shared/runtime/read-config.ts';
import type { TlsFiles } from '#shared/runtime/tls/tls-files.ts';

const mebibyte = 1024 * 1024;

/** Everything that a router reads from its environment: keys are the names of the variables, times in milliseconds. */
export const routerConfigSchema = z.object({
  FAIRWAY_HOST: z.string().default('127.0.0.1').describe('address that clients connect to'),
  FAIRWAY_PORT: port.default(0).describe('port that clients connect to; 0 takes a free one'),
  FAIRWAY_TLS_CERT_FILE: z.string().min(1).optional().describe('PEM chain of that listener, which then speaks TLS'),
  FAIRWAY_TLS_KEY_FILE: z.string().min(1).optional().describe('PEM key that belongs to it'),
  FAIRWAY_PRIVATE_HOST: z.string().default('127.0.0.1').describe('address that clients inside of the VPC connect to'),
  FAIRWAY_PRIVATE_PORT: port
    .optional()
    .describe('port that clients inside of the VPC connect to; unset: the other listener serves them, too'),
  FAIRWAY_PRIVATE_TLS_CERT_FILE: z.string().min(1).optional().describe('PEM chain of the private listener'),
  FAIRWAY_PRIVATE_TLS_KEY_FILE: z.string().min(1).optional().describe('PEM key that belongs to it'),
  FAIRWAY_TLS_RELOAD_MS: count(100).default(10_000).describe('time between two looks at certificate files'),
  FAIRWAY_ADMIN_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('address of /healthz, /readyz, /metrics and /debug/route'),
  FAIRWAY_ADMIN_PORT: port.default(0).describe('port of the admin listener; 0 takes a free one'),
  FAIRWAY_NATS_URL: secretText.optional().describe('NATS of the region, nats://router-<vpc>:password@host:port'),
  FAIRWAY_NATS_API: z.string().min(1).default(edgeApi).describe('how the account of this user calls JetStream’s API'),
  FAIRWAY_NATS_DRAIN_TIMEOUT_MS: natsDrainTimeout,
  FAIRWAY_EDGE_FILE: z.string().min(1).optional().describe('JSON file with fixed access and pools, in place of NATS'),
  FAIRWAY_REDIS_URL: secretText
    .optional()
    .describe('Redis or Valkey of the cluster, redis://host:port; a router without NATS may do without'),
  FAIRWAY_PROCESSES: count(1)
    .max(64)
    .default(1)
    .describe('processes that share the listeners, each a router of its own; bounds are divided among them'),
  FAIRWAY_REUSE_PORT: flag
    .default(false)
    .describe(
      'each process has a socket of its own on the ports (Linux), where by default one hands out connections by turns; one that ends then loses those who have just connected',
    ),
  FAIRWAY_VPC_ID: uuidSchema.describe('the VPC whose endpoints this router serves'),
  FAIRWAY_ROUTER_ID: routerIdSchema
    .optional()
    .describe('name of this router, unique within the VPC and the same after a restart; default: random'),
  FAIRWAY_POD_NAMESPACE: z.string().optional().describe('namespace of the pod that this router runs in'),
  FAIRWAY_POD_NAME: z.string().optional().describe('name of that pod'),
  FAIRWAY_POD_UID: z.string().optional().describe('uid of that pod: once it is gone nobody waits for the router'),
  FAIRWAY_PUBLIC_URL: z.url().optional().describe('where public endpoints are reached through it; default: its own'),
  FAIRWAY_PRIVATE_URL: z.url().optional().describe('where private endpoints are reached through it; default: its own'),
  FAIRWAY_TOKEN_HASH_KEY: secretText
    .refine((text) => Buffer.from(text, 'base64url').length === 32, 'must be 32 bytes as base64url')
    .meta({ secret: true })
    .describe('key of the access tokens’ hashes, 32 bytes base64url'),
  FAIRWAY_STATE_DIR: z.string().min(1).describe('folder of the copy of access and pools that outlives NATS'),
  FAIRWAY_PROPAGATION_MS: count(0)
    .default(15_000)
    .describe('how long after SIGTERM requests are still taken: load balancers need it to see that it is not ready'),
  FAIRWAY_DRAIN_TIMEOUT_MS: count(0).default(600_000).describe('how long streams get to end after that'),
  FAIRWAY_KEEP_ALIVE_MS: keepAliveTime,
  FAIRWAY_LINGER_MS: lingerTime,
  FAIRWAY_CONNECTIONS_MAX: count(1).default(16_384).describe('connections of clients; each takes a file descriptor'),
  FAIRWAY_HEAD_TIMEOUT_MS: count(10).default(10_000).describe('how long a client may take for the head of a request'),
  FAIRWAY_BODY_BYTES_MAX: count(1024)
    .default(16 * mebibyte)
    .describe('longest request body'),
  FAIRWAY_BODY_BUDGET_BYTES: count(1024)
    .default(160 * mebibyte)
    .describe('memory for request bodies, shared out between endpoints'),
  FAIRWAY_BODY_LINE_BYTES: count(0)
    .default(32 * mebibyte)
    .describe(
      'memory for the first 64 KiB of bodies that wait for that, shared out likewise; without it they get a 503',
    ),
  FAIRWAY_ANSWER_BUDGET_BYTES: count(0)
    .default(64 * mebibyte)
    .describe(
      'memory for whole answers that may still be retried or wait for their client, shared out between endpoints',
    ),
  FAIRWAY_BODY_WAIT_MS: count(0).default(5000).describe('how long a request body waits unread for memory'),
  FAIRWAY_INTAKE_TURN_BYTES: count(1024)
    .default(128 * 1024)
    .describe('how much is read per turn of the event loop from connections that bring much; the rest waits in line'),
  FAIRWAY_BODY_TIMEOUT_MS: count(10).default(60_000).describe('how long a client may take to send its body'),
  FAIRWAY_CHOICES_MAX: count(1)
    .default(128)
    .describe('most choices of one request, of all its prompts, where its endpoint does not say'),
  FAIRWAY_VOLATILE_MEMBERS: z
    .string()
    .transform((text) => text.split(',').filter((name) => name !== ''))
    .refine((names) => names.every((name) => Buffer.byteLength(name) <= memberBytesMax), 'a name has at most 64 bytes')
    .prefault('')
    .describe('names of members of prompts, with commas between, that change without changing the prompt'),
  FAIRWAY_IN_FLIGHT_MAX: count(1).default(2048).describe('requests that are forwarded at once'),
  FAIRWAY_QUEUE_MAX: count(0).default(1024).describe('requests that wait for a turn'),
  FAIRWAY_QUEUE_BYTES_MAX: count(0)
    .default(128 * mebibyte)
    .describe('bytes of bodies that wait for a turn'),
  FAIRWAY_TURN_TIMEOUT_MS: count(0).default(30_000).describe('how long a request waits for a turn'),
  FAIRWAY_CAPACITY_TIMEOUT_MS: count(0).default(30_000).describe('how long a request waits for a replica'),
  FAIRWAY_CAPACITY_TIMEOUT_MAX_MS: count(0)
    .default(600_000)
    .describe('longest wait for a replica that a client may ask for, by X-Scale-Up-Timeout'),
  FAIRWAY_ATTEMPTS_MAX: count(1).max(16).default(3).describe('replicas that one request may fail on'),
  FAIRWAY_CONNECT_TIMEOUT_MS: count(1).default(2000).describe('how long a connection to a replica may take'),
  FAIRWAY_LATE_AFTER_MS: count(1)
    .default(3000)
    .describe('how long a first content is not late, however fast the pool is; late ones are tried elsewhere, once'),
  FAIRWAY_STALL_PATIENCE_MS: count(0)
    .default(30_000)
    .describe('how long requests stay on a replica that has stalled while no other can take them: it may go on'),
  FAIRWAY_LATE_BINDING: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      '`on`: cold prompts, and those of flows that have had more than their share, wait in the router while caches are full of what others use',
    ),
  FAIRWAY_FIRST_TOKEN_TIMEOUT_MS: count(1).default(180_000).describe('longest wait for a stream’s first content'),
  FAIRWAY_TOKEN_IDLE_TIMEOUT_MS: count(1).default(60_000).describe('longest pause between two frames of a stream'),
  FAIRWAY_ANSWER_TIMEOUT_MS: count(1).default(900_000).describe('longest time for an answer that is not streamed'),
  FAIRWAY_CLIENT_STALL_TIMEOUT_MS: count(1).default(30_000).describe('how long a client may take nothing'),
  FAIRWAY_HEARTBEAT_AFTER_MS: count(1).default(5000).describe('silence after which a stream gets its head'),
  FAIRWAY_HEARTBEAT_MS: count(1).default(10_000).describe('time between two comments in a silent stream'),
  FAIRWAY_KEPT_ANSWERS_MAX: count(1)
    .default(100_000)
    .describe(
      'ids of answers (/v1/responses) whose replica a router remembers, about 400 bytes each; as many in Redis, 520 each',
    ),
  FAIRWAY_KEPT_ANSWERS_TTL_MS: count(0)
    .default(24 * 60 * 60 * 1000)
    .describe('how long an answer can be asked for or gone on from by its id'),
  FAIRWAY_USE_REPORT_MS: count(100)
    .default(60_000)
    .describe('time between two reports of the tokens that were used for the first time in a day'),
  FAIRWAY_ROUTES_KEPT: count(0)
    .max(100_000)
    .default(1000)
    .describe('requests whose way /debug/route/<request id> of the admin listener tells, about 4 KB each; 0 for none'),
  FAIRWAY_SCRAPE_MS: count(10).default(1000).describe('time between two looks at a replica’s metrics'),
});

/** A router's configuration. */
export type RouterConfig = Readonly<z.infer<typeof routerConfigSchema>>;

/** Reads the environment. @throws ConfigError naming every variable that does not fit. */
export function readRouterConfig(env?: Readonly<Record<string, string | undefined>>): RouterConfig {
  const config = readAloneConfig(env);
  if (config.FAIRWAY_NATS_URL === undefined && config.FAIRWAY_EDGE_FILE === undefined)
    throw new ConfigError(
      'FAIRWAY_NATS_URL is not set, nor is FAIRWAY_EDGE_FILE: access and pools come from one of them.',
    );
  if (config.FAIRWAY_EDGE_FILE === undefined && config.FAIRWAY_REDIS_URL === undefined)
    throw new ConfigError('FAIRWAY_REDIS_URL is not set: through it the routers of a VPC know of each other.');
  return config;
}

/** The same where access and pools come from a command line. */
export function readAloneConfig(env?: Readonly<Record<string, string | undefined>>): RouterConfig {
  const config = readConfig(routerConfigSchema, env);
  listenerPlaces(config);
  if (config.FAIRWAY_REUSE_PORT && (config.FAIRWAY_PORT === 0 || config.FAIRWAY_PRIVATE_PORT === 0))
    throw new ConfigError('FAIRWAY_REUSE_PORT needs ports other than 0: processes would each get another one.');
  const { FAIRWAY_PROCESSES: count, FAIRWAY_BODY_BUDGET_BYTES: budget, FAIRWAY_BODY_BYTES_MAX: longest } = config;
  if (count > 1 && budget < count * longest)
    throw new ConfigError(
      `FAIRWAY_BODY_BUDGET_BYTES, divided among ${count} processes, leaves none of them room for a body of FAIRWAY_BODY_BYTES_MAX: ` +
        `raise it to ${count * longest}, or take fewer processes.`,
    );
  return config;
}

/**
 * Where clients come in, with the certificates of listeners that speak TLS; without a port there is no private one.
 * @throws ConfigError when one of two files is named.
 */
export function listenerPlaces(config: RouterConfig): ListenerPlaces {
  const {
    FAIRWAY_TLS_CERT_FILE: certFile,
    FAIRWAY_TLS_KEY_FILE: keyFile,
    FAIRWAY_PRIVATE_PORT: port,
    FAIRWAY_PRIVATE_TLS_CERT_FILE: privateCertFile,
    FAIRWAY_PRIVATE_TLS_KEY_FILE: privateKeyFile,
    FAIRWAY_REUSE_PORT: reusePort,
  } = config;
  const outer = tlsFiles('FAIRWAY_TLS', { certFile, keyFile });
  const inner = tlsFiles('FAIRWAY_PRIVATE_TLS', { certFile: privateCertFile, keyFile: privateKeyFile });
  return {
    public: { host: config.FAIRWAY_HOST, port: config.FAIRWAY_PORT, tls: outer, reusePort },
    private: port === undefined ? undefined : { host: config.FAIRWAY_PRIVATE_HOST, port, tls: inner, reusePort },
  };
}

function tlsFiles(
  prefix: string,
  { certFile, keyFile }: Record<keyof TlsFiles, string | undefined>,
): TlsFiles | undefined {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  throw new ConfigError(`${prefix}_CERT_FILE and ${prefix}_KEY_FILE belong together: set both or neither.`);
}

/** Bounds that hold for a router, whatever the number of its processes. */
const divided = [
  'FAIRWAY_CONNECTIONS_MAX',
  'FAIRWAY_BODY_BUDGET_BYTES',
  'FAIRWAY_BODY_LINE_BYTES',
  'FAIRWAY_ANSWER_BUDGET_BYTES',
  'FAIRWAY_IN_FLIGHT_MAX',
  'FAIRWAY_QUEUE_MAX',
  'FAIRWAY_QUEUE_BYTES_MAX',
  'FAIRWAY_KEPT_ANSWERS_MAX',
  'FAIRWAY_ROUTES_KEPT',
] as const;

/**
 * How many processes there are, and what each is told in its environment: its share of every bound, and an operator's listener
 * for the process that starts them, which has the one that operators know.
 */
export function processesOf(config: RouterConfig): Omit<ProcessesOptions, 'clock' | 'log'> {
  const { FAIRWAY_PROCESSES: count, FAIRWAY_ADMIN_HOST: host, FAIRWAY_ADMIN_PORT: port } = config;
  const env = {
    ...Object.fromEntries(divided.map((name) => [name, String(Math.ceil(config[name] / count))])),
    FAIRWAY_PROCESSES: '1',
    FAIRWAY_ADMIN_HOST: '127.0.0.1',
    FAIRWAY_ADMIN_PORT: '0',
    // They end with the process that started them.
    FAIRWAY_EXIT_ON_STDIN_END: '',
  };
  return { count, name: config.FAIRWAY_ROUTER_ID, admin: { host, port }, env };
}

/** Bounds of what the brain holds and waits for. */
export function brainLimits(
  config: RouterConfig,
): Pick<BrainOptions, 'limits' | 'answerLimits' | 'lateAfterMs' | 'stallPatienceMs' | 'lateBinding'> {
  return {
    limits: {
      inFlightMax: config.FAIRWAY_IN_FLIGHT_MAX,
      queueMax: config.FAIRWAY_QUEUE_MAX,
      queueBytesMax: config.FAIRWAY_QUEUE_BYTES_MAX,
      turnTimeoutMs: config.FAIRWAY_TURN_TIMEOUT_MS,
      capacityTimeoutMs: config.FAIRWAY_CAPACITY_TIMEOUT_MS,
    },
    answerLimits: {
      answersMax: config.FAIRWAY_KEPT_ANSWERS_MAX,
      ttlMs: config.FAIRWAY_KEPT_ANSWERS_TTL_MS,
    },
    lateAfterMs: config.FAIRWAY_LATE_AFTER_MS,
    stallPatienceMs: config.FAIRWAY_STALL_PATIENCE_MS,
    lateBinding: config.FAIRWAY_LATE_BINDING === 'on',
  };
}

/** The pod that it runs in, where its environment says so. */
export function podOf(config: RouterConfig): Pick<DrainReport, 'pod'> {
  const { FAIRWAY_POD_NAMESPACE: namespace, FAIRWAY_POD_NAME: name, FAIRWAY_POD_UID: uid } = config;
  const known = namespace !== undefined && name !== undefined && uid !== undefined;
  return known ? { pod: { namespace, name, uid } } : {};
}

/** Where its listeners are reached: as its environment says, else where they are. */
export function listenersOf(
  config: RouterConfig,
  { url, privateUrl }: { url: string; privateUrl: string },
): DrainReport['listeners'] {
  return { public: config.FAIRWAY_PUBLIC_URL ?? url, private: config.FAIRWAY_PRIVATE_URL ?? privateUrl };
}
