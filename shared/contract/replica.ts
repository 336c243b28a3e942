import { z } from 'zod';
import { routingSchema, teamSchema } from './desired.ts';
import { uuidSchema } from './ids.ts';
import { changeSteps } from './status.ts';

/** One routing target of a pool: address and port. `revision` is the hash of the pod template it runs. */
export const poolReplicaSchema = z.object({
  replicaId: uuidSchema,
  name: z.string(),
  address: z.string(),
  port: z.int().min(1).max(65_535),
  /** `http` where it is left out. */
  scheme: z.enum(['http', 'https']).optional(),
  /** What stands before every path of it, without a slash at its end. */
  basePath: z.string().optional(),
  /** Its own key, where that is not the pool's; empty for one that asks for none. */
  upstreamKey: z.string().optional(),
  revision: z.string(),
  /** Restarts of its container when it was listed: one that has restarted since is another engine, unproven. */
  restarts: z.int().min(0).optional(),
  /** `proving` takes probes only; `draining` takes nothing new and is waited for. */
  state: z.enum(['proving', 'ready', 'draining']),
  /** Only while draining: after this instant the replica goes, whatever is reported. */
  drainDeadline: z.iso.datetime().optional(),
});

/** One routing target. */
export type PoolReplica = z.infer<typeof poolReplicaSchema>;

/** Readers of engines' metrics that routers have (`router/scrape/adapters`). */
export type EngineAdapterName = 'vllm' | 'sglang' | 'llama-cpp' | 'trtllm-serve' | 'triton';

/** What a router must know of the engine, out of its profile. */
export const poolEngineSchema = z.object({
  profile: z.string(),
  healthPath: z.string(),
  /** Empty for an engine whose metrics nobody reads. */
  metricsPath: z.string(),
  metrics: z.object({ running: z.string(), waiting: z.string(), kvUse: z.string() }),
  /** An `EngineAdapterName`; where it is left out or unknown to a router, `metrics` says what is read. */
  adapter: z.string().optional(),
  /** Where it publishes what its KV cache takes up and gives back (ZeroMQ), and the port that says again what was missed. */
  kvEvents: z
    .object({ port: z.int().min(1).max(65_535), replayPort: z.int().min(1).max(65_535).optional() })
    .optional(),
  kvTokens: z.int(),
  blockTokens: z.int(),
  contextTokensMax: z.int(),
  /** The engine goes on computing an answer whose client has left: its place counts as taken until it says otherwise. */
  goesOnWithoutClient: z.boolean().optional(),
  /** The engine keeps what it caches apart by the body's member `cache_salt`. */
  saltsCache: z.boolean().optional(),
});

/** The replicas of one deployment, in bucket `edge` under `pool.<vpcId>.<endpointId>.<pool>`; provisioner alone writes. */
export const poolDocumentSchema = z.object({
  v: z.literal(1),
  endpointId: uuidSchema,
  team: teamSchema,
  vpcId: uuidSchema,
  /** Id of the model deployment. */
  pool: uuidSchema,
  /** The spec's revision that this document was computed from. */
  specRevision: z.int(),
  /** Names under which clients may ask for the model; the first one is what the engine serves. */
  models: z.array(z.string()).min(1),
  /** Adapters that the engine serves beside the model, each under its own name. */
  adapters: z.array(z.string()).optional(),
  /** When the endpoint was created. */
  createdAt: z.iso.datetime().optional(),
  routing: routingSchema.optional(),
  engine: poolEngineSchema,
  /** The engine's API key: an address that another tenant inherited answers 401. */
  upstreamKey: z.string(),
  /** Secret of the pool's routers that prefix keys are salted with: nobody else can tell which prompts share one. */
  prefixSalt: z.string().min(1).optional(),
  /**
   * While the pool has no replica that is ready: where the endpoint's change stands, and when it should be ready,
   * milliseconds since the epoch.
   */
  starting: z.object({ phase: z.enum(changeSteps), readyAt: z.int().optional() }).optional(),
  /**
   * The pool's only replica is being exchanged in its place: requests that come wait for its successor until this instant,
   * milliseconds since the epoch, also longer than routers let requests wait for a replica.
   */
  hold: z.object({ until: z.int() }).optional(),
  /** The endpoint is being deleted: nothing waits for a replica of it any more. */
  deleting: z.boolean().optional(),
  /** Ed25519 public key (raw, base64url) that probe credentials are checked with. */
  proofKey: z.string(),
  replicas: z.array(poolReplicaSchema).max(512),
});

/** One pool as routers see it. */
export type PoolDocument = z.infer<typeof poolDocumentSchema>;

/** Name of a router, unique within its VPC and the same after a restart; part of subjects. */
export const routerIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'may hold letters, digits, "_" and "-" only');

/** The pod that a router runs in, where it runs in one: Kubernetes then tells when the router is gone. */
const routerPodSchema = z.object({ namespace: z.string(), name: z.string(), uid: z.string() });

/**
 * A router's report on `fairway.drain.<vpcId>.<routerId>`: at least every 500 ms while one of its pools drains, else
 * every 2 s. The first one registers the router; of a registered router that is not heard nothing is known, and unknown
 * is not 0.
 */
export const drainReportSchema = z.object({
  v: z.literal(1),
  routerId: routerIdSchema,
  vpcId: uuidSchema,
  /** Start of this router process, milliseconds since the epoch. */
  epoch: z.int(),
  pod: routerPodSchema.optional(),
  /** Newest sequence of bucket `edge` that the router has applied. */
  edgeRevision: z.int(),
  /** Where endpoints are reached through this router. */
  listeners: z.object({ public: z.url(), private: z.url() }),
  /** Requests in flight per draining replica; a replica that is not named has 0. */
  inFlight: z.record(z.string(), z.int().min(0)),
  /** When the oldest of them began, per replica, milliseconds since the epoch; what is not named is not known. */
  oldestAt: z.record(z.string(), z.int().min(0)).optional(),
  /**
   * Every 2 s: requests in flight, and prompt blocks that are taken to be cached, of each replica that is ready: where one
   * has to go, the one with the fewest goes. What is not named is not known.
   */
  loads: z.record(z.string(), z.tuple([z.int().min(0), z.int().min(0)])).optional(),
  /** The router ends now: it is not waited for any more. */
  leaving: z.boolean(),
});

/** One report. */
export type DrainReport = z.infer<typeof drainReportSchema>;

/**
 * A router that drains wait for, in bucket `infra` under `router.<vpcId>.<routerId>`. Provisioners write it when they
 * first hear the router, and take it away when a report says `leaving` or the router's pod is gone; an operator may,
 * too. A newer epoch of the same router takes the place of the older one.
 */
export const routerRegistrationSchema = drainReportSchema.pick({
  v: true,
  routerId: true,
  vpcId: true,
  epoch: true,
  pod: true,
});

/** One registered router. */
export type RouterRegistration = z.infer<typeof routerRegistrationSchema>;

/**
 * What a probe credential says; signed with the pool's Ed25519 key, at most 60 s old, good for one token of output.
 * The text is `fairwayproof_<base64url(JSON payload)>.<base64url(signature)>`.
 */
export const proofPayloadSchema = z.object({
  endpointId: uuidSchema,
  pool: uuidSchema,
  specRevision: z.int(),
  /** The replica to be proven; null lets the router pick as for any client. */
  replicaId: uuidSchema.nullable(),
  /** Milliseconds since the epoch. */
  expiresAt: z.int(),
});

/** The content of a probe credential. */
export type ProofPayload = z.infer<typeof proofPayloadSchema>;

/** How long a probe credential is good for. */
export const proofTtlMs = 60_000;

/** What probe credentials start with. */
export const proofPrefix = 'fairwayproof_';

/** Most tokens of one report: about 40 KB. */
export const usesPerReport = 1000;

const tokenIds = z.array(uuidSchema).min(1).max(usesPerReport);

/** Which tokens of which endpoints were used on a day (UTC), as a router says it on `fairway.use.<vpcId>.<routerId>`. */
export const useReportSchema = z.object({
  v: z.literal(1),
  day: z.iso.date(),
  tokens: z
    .record(uuidSchema, tokenIds)
    .refine(
      (tokens) => Object.values(tokens).flat().length <= usesPerReport,
      `names more than ${usesPerReport} tokens`,
    ),
});

/** One report. */
export type UseReport = z.infer<typeof useReportSchema>;

/** The last day (UTC) on which each token of an endpoint was used, on `fairway.used.<endpointId>`. */
export const lastUseDocumentSchema = z.object({
  v: z.literal(1),
  endpointId: uuidSchema,
  days: z.record(uuidSchema, z.iso.date()),
});

/** The last days of one endpoint's tokens. */
export type LastUseDocument = z.infer<typeof lastUseDocumentSchema>;
