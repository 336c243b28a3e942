import { z } from 'zod';
import { regionSchema, uuidSchema } from '#shared/contract/ids.ts';
import { count, port, readConfig } from '#shared/runtime/read-config.ts';
import { serverSettings } from '../http/server-settings.ts';

const key32 = (what: string) =>
  z
    .string()
    .refine((text) => Buffer.from(text, 'base64url').length === 32, 'must be 32 bytes in base64url')
    .meta({ description: what, secret: true });

/** The environment of `api/regional`. */
export const regionalConfigSchema = z.object({
  ...serverSettings({
    port: 8081,
    nats: 'NATS with JetStream, nats://user:password@host:port',
    drainTimeoutMs: 20_000,
  }),
  FAIRWAY_REGION: regionSchema.default('atl1').describe('the region that this process owns'),
  FAIRWAY_REGION_KEY: key32('root key of the region: token hashes, first tokens and idempotent ids derive from it'),
  FAIRWAY_SEAL_PUBLIC_KEY: key32('public key that secrets are sealed to; the provisioner holds the private one'),
  FAIRWAY_DEFAULT_VPC_ID: uuidSchema.describe('VPC of endpoints that name none'),
  FAIRWAY_HOST_DOMAIN: z
    .string()
    .default('dedicated-inference.fairway.localhost')
    .describe('domain of endpoint host names'),
  FAIRWAY_ENDPOINT_SCHEME: z
    .enum(['http', 'https'])
    .default('https')
    .describe('scheme of endpoint addresses in replies'),
  FAIRWAY_ENDPOINT_PORT: port.optional().describe('port of endpoint addresses in replies; unset shows none'),
  FAIRWAY_PRIVATE_ENDPOINT_SCHEME: z
    .enum(['http', 'https'])
    .optional()
    .describe('scheme of private endpoint addresses in replies; unset: as of public ones, with their port'),
  FAIRWAY_PRIVATE_ENDPOINT_PORT: port.optional().describe('port of private endpoint addresses in replies'),
  FAIRWAY_ENDPOINTS_MAX: count(1).default(1000).describe('most endpoints of one team in the region'),
  FAIRWAY_TOKENS_MAX: count(1)
    .max(2000)
    .default(1000)
    .describe('most data-plane tokens of one endpoint; they stand in one document'),
  FAIRWAY_PUBLISH_BUDGET_MS: count(100).default(15_000).describe('time to resolve a doubtful commit'),
  FAIRWAY_BARRIER_TIMEOUT_MS: count(100).default(2000).describe('time a read waits to be current'),
  FAIRWAY_PENDING_MAX: count(1).default(256).describe('most changes between acceptance and answer'),
  FAIRWAY_BATCHES_MAX: count(1)
    .max(32)
    .default(16)
    .describe('most atomic batches in flight; NATS allows 50 per stream for all processes together'),
  FAIRWAY_EVENT_STREAMS_MAX: count(1).default(100).describe('most streams of events at once'),
  FAIRWAY_EVENT_STREAM_MAX_MS: count(1000)
    .default(3_600_000)
    .describe('a stream of events ends after this time; its reader comes back'),
  FAIRWAY_EVENT_STREAM_BEAT_MS: count(100)
    .default(15_000)
    .describe('time between two comments in a quiet stream of events, and between two looks at its reader’s rights'),
  FAIRWAY_EVENT_STREAM_STALL_MS: count(100)
    .default(30_000)
    .describe('a reader that takes nothing of its stream of events for so long is cut'),
});

/** The configuration as read. */
export type RegionalConfig = Readonly<z.infer<typeof regionalConfigSchema>>;

/** Reads it. @throws ConfigError with every problem. */
export function readRegionalConfig(env?: Record<string, string | undefined>): RegionalConfig {
  return env === undefined ? readConfig(regionalConfigSchema) : readConfig(regionalConfigSchema, env);
}
