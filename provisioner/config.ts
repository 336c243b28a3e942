import { hostname } from 'node:os';
import { z } from 'zod';
import { regionSchema, uuidSchema } from '#shared/contract/ids.ts';
import { profiles, readEngineChoice } from './engines/engine-choice.ts';
import { readWeightChoice } from './engines/weights.ts';
import { count, natsDrainTimeout, port, readConfig, secretText } from '#shared/runtime/read-config.ts';

/** `<VPC id>=<path>` with commas between: the kubeconfig of each VPC's cluster. */
const clusters = z.string().transform((text, context) => {
  const read = text.split(',').map((part) => {
    const [vpcId = '', ...path] = part.trim().split('=');
    return { vpcId, kubeconfigPath: path.join('=') };
  });
  const wrong = read.filter(
    ({ vpcId, kubeconfigPath }) => !uuidSchema.safeParse(vpcId).success || kubeconfigPath === '',
  );
  if (wrong.length > 0 || new Set(read.map(({ vpcId }) => vpcId)).size < read.length)
    context.addIssue('must be <VPC id>=<path of a kubeconfig>, each VPC once, with commas between');
  return read;
});

/** `<engine>` or `<model>=<engine>` with commas between. */
const engines = z.string().refine((text) => readEngineChoice(text) !== null, {
  error: `must be one engine for everything and <model>=<engine> for some, of: ${[...profiles.keys()].join(', ')}`,
});

/** `<model>=<source>` with commas between. */
const weights = z.string().refine((text) => readWeightChoice(text) !== null, {
  error:
    'must be <model>=<source> with commas between; a source is hf://<repository>, s3://<bucket>/<prefix>#<path>, pvc://<storage class>/<path> or oci://<image>#<path>',
});

/** Every setting of the provisioner; keys are the names of environment variables, times in milliseconds. */
export const provisionerSchema = z.object({
  FAIRWAY_NATS_URL: secretText.describe('NATS servers, comma-separated; may carry user and password'),
  FAIRWAY_NATS_DRAIN_TIMEOUT_MS: natsDrainTimeout,
  FAIRWAY_REGION: regionSchema.default('atl1').describe('region of this process'),
  FAIRWAY_ADMIN_HOST: z.string().default('127.0.0.1').describe('address of /healthz, /readyz and /metrics'),
  FAIRWAY_ADMIN_PORT: port.default(0).describe('port of the same; 0 takes a free one'),
  FAIRWAY_CLUSTERS: clusters.describe(
    'clusters that are worked on: <VPC id>=<path of its kubeconfig>, comma-separated',
  ),
  FAIRWAY_INSTANCE_ID: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9_-]+$/, 'may hold letters, digits, "_" and "-" only')
    .default(() => `${hostname().replaceAll(/[^A-Za-z0-9_-]/g, '-')}-${process.pid}`.slice(-64))
    .describe('name of this process among provisioners')
    .meta({ shownDefault: 'host name and process id' }),
  FAIRWAY_ENGINES: engines.default('sim').describe('engine of each model: <engine>,<model>=<engine>,…'),
  FAIRWAY_WEIGHTS: weights
    .default('')
    .describe(
      'where weights come from that are not Hugging Face’s own: <model>=<source>,… of hf:// s3:// pvc:// oci:// (provisioner/engines/README.md)',
    ),
  FAIRWAY_S3_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .default('https://s3.amazonaws.com')
    .describe('storage of s3:// sources'),
  FAIRWAY_S3_REGION: z.string().min(1).default('us-east-1').describe('its region'),
  FAIRWAY_S3_NETWORK: z
    .union([z.cidrv4(), z.cidrv6()])
    .optional()
    .describe('network (CIDR) that it is in; unset: it has a public address'),
  FAIRWAY_S3_ACCESS_KEY_ID: secretText.optional().describe('key that weights are fetched with; unset: without any'),
  FAIRWAY_S3_SECRET_ACCESS_KEY: secretText.optional().describe('its secret'),
  FAIRWAY_KV_EVENTS: z
    .enum(['on', 'off'])
    .default('off')
    .describe('engines that can publish what their KV caches hold, to what runs in namespace fairway-system'),
  FAIRWAY_SEAL_PRIVATE_KEY: secretText.optional().describe('opens secrets that clients sent; base64url'),
  FAIRWAY_PROVISIONER_KEY: secretText
    .refine((text) => Buffer.from(text, 'base64url').length === 32, 'must be 32 bytes in base64url')
    .describe('root of the pools’ engine and proof keys, the same at every provisioner'),
  FAIRWAY_HOST_DOMAIN: z
    .string()
    .default('dedicated-inference.fairway.localhost')
    .describe('domain of endpoints’ host names'),
  FAIRWAY_CA_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'folder of the region’s certificate authority (`admin ca make`); unset: private listeners speak plain HTTP',
    ),
  FAIRWAY_LEAF_DIR: z
    .string()
    .min(1)
    .optional()
    .describe('folder in which routers find the certificate of their private listener: cert.pem and key.pem'),
  FAIRWAY_CA_LOOK_MS: count(100)
    .default(60_000)
    .describe('time between looks at the authority and at routers’ certificate'),
  FAIRWAY_DRAIN_TIMEOUT_MS: count(0).default(600_000).describe('longest wait for requests in flight'),
  FAIRWAY_CHANGE_DEADLINE_MS: count(1).default(900_000).describe('a change that is not proven by then is rejected'),
  FAIRWAY_HOLD_MAX_MS: count(0)
    .default(600_000)
    .describe('longest hold of requests while an only replica is exchanged in its place; 0 = no such exchange'),
  FAIRWAY_MINIMUM_AFTER_MS: count(0)
    .default(60_000)
    .describe('a new endpoint goes live without all replicas after this'),
  FAIRWAY_RESYNC_MS: count(100).default(60_000).describe('time between comparisons of everything desired with what is'),
  FAIRWAY_CLUSTER_LOOK_MS: count(100)
    .default(15_000)
    .describe('time between looks at whose a cluster is, and at its definition and fence'),
  FAIRWAY_LEASE_MS: count(300).default(10_000).describe('a provisioner that was silent for this long loses its work'),
  FAIRWAY_SHARDS: count(1).max(1024).default(16).describe('shares of the work; equal everywhere'),
  FAIRWAY_ROUTER_SILENT_MS: count(100)
    .default(5000)
    .describe('of a router that was silent for this long nothing is known'),
  FAIRWAY_GRACE_MS: count(1000)
    .default(615_000)
    .describe('time between SIGTERM and SIGKILL, at least the longest stream'),
  FAIRWAY_PRESTOP_MS: count(0).default(2000).describe('time between a pod’s mark for deletion and SIGTERM'),
  FAIRWAY_SIZE_LABEL: z
    .string()
    .min(1)
    .optional()
    .describe('label of nodes whose value is their GPU size’s slug, such as node.kubernetes.io/instance-type on DOKS'),
  FAIRWAY_PROOF_TIMEOUT_MS: count(100).default(30_000).describe('longest wait for the answer to a proof'),
  FAIRWAY_REPROVE_MS: count(0).default(300_000).describe('age at which an active endpoint is proven again; 0 = never'),
  FAIRWAY_REPROVE_FAILURES: count(1)
    .max(100)
    .default(3)
    .describe('failed proofs in a row after which an active endpoint counts as lost'),
  FAIRWAY_LOST_AFTER_MS: count(0).default(10_000).describe('… if the first of them is this long ago'),
  FAIRWAY_LOST_BY_MS: count(1)
    .default(25_000)
    .describe('… or once it has failed for this long, however few answers came'),
  FAIRWAY_RENEW_MAX: count(0)
    .default(0)
    .describe('endpoints of a cluster that may be moved to new pod templates at once; 0 = only with their specs'),
  FAIRWAY_CONCURRENCY: count(1).max(256).default(16).describe('endpoints worked on at once'),
  FAIRWAY_KEYS_MAX: count(1).default(100_000).describe('endpoints that may wait for work'),
});

/** The provisioner's configuration. */
export type ProvisionerConfig = z.infer<typeof provisionerSchema>;

/** Half a key would be no key at all, and the storage asked without any. */
const checkedSchema = provisionerSchema.check(({ value, issues }) => {
  const { FAIRWAY_S3_ACCESS_KEY_ID: keyId, FAIRWAY_S3_SECRET_ACCESS_KEY: secret } = value;
  if ((keyId === undefined) === (secret === undefined)) return;
  const path = [keyId === undefined ? 'FAIRWAY_S3_ACCESS_KEY_ID' : 'FAIRWAY_S3_SECRET_ACCESS_KEY'];
  issues.push({ code: 'custom', path, input: undefined, message: 'must be set where the other half of the key is' });
});

/** Reads it from the environment. @throws ConfigError with every problem. */
export function readProvisionerConfig(env?: Record<string, string | undefined>): ProvisionerConfig {
  return readConfig(checkedSchema, env);
}
