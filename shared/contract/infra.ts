import { z } from 'zod';
import { modelDeploymentSchema, teamSchema } from './desired.ts';
import { regionSchema, uuidSchema } from './ids.ts';

/** A cluster as its provisioner last found it, in bucket `infra` under `cluster.<vpcId>`. */
export const clusterDocumentSchema = z.object({
  v: z.literal(1),
  vpcId: uuidSchema,
  region: regionSchema,
  /** `ready`: worked on. `refused`: it is another region's or another stream's. `unreachable`: its API server is away. */
  state: z.enum(['ready', 'refused', 'unreachable']),
  reason: z.string(),
  message: z.string(),
  /** Greatest `intentSeq` of any object: a rebuilt stream has to start above it. */
  greatestIntentSeq: z.int(),
  updatedAt: z.iso.datetime(),
  writer: z.string(),
});

/** One cluster. */
export type ClusterDocument = z.infer<typeof clusterDocumentSchema>;

/**
 * An endpoint that a cluster has and `DESIRED` does not know, under `quarantine.<vpcId>.<endpointId>`. It goes on serving
 * until its spec is back or an operator says that it may go.
 */
export const quarantineDocumentSchema = z.object({
  v: z.literal(1),
  endpointId: uuidSchema,
  vpcId: uuidSchema,
  /** What its custom resource says; null when there is none. */
  spec: z
    .object({
      team: teamSchema,
      version: z.int(),
      name: z.string(),
      enablePublicEndpoint: z.boolean(),
      deployments: z.array(modelDeploymentSchema),
    })
    .nullable(),
  /** Greatest `intentSeq` of its objects: its spec has to come back with a greater sequence. */
  intentSeq: z.int(),
  since: z.iso.datetime(),
});

/** An operator's word is obeyed within this time, or not at all. */
export const wordTtlMs = 24 * 60 * 60 * 1000;
/** One endpoint in quarantine. */
export type QuarantineDocument = z.infer<typeof quarantineDocumentSchema>;

/** An operator's word on an endpoint in quarantine, under `word.<vpcId>.<endpointId>`: drain it and take it down. */
export const wordDocumentSchema = z.object({
  v: z.literal(1),
  word: z.literal('sweep'),
  by: z.string(),
  at: z.iso.datetime(),
});

/** One word. */
export type WordDocument = z.infer<typeof wordDocumentSchema>;

/**
 * Something outside that costs money, under `resource.<vpcId>.<callerKey>`: written before and after each call that makes,
 * changes or removes it, so that whoever comes next knows what may be there.
 */
export const infraResourceSchema = z.object({
  v: z.literal(1),
  /** What the call is idempotent by: the same for every attempt. */
  callerKey: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'may hold letters, digits, "_" and "-" only'),
  vpcId: uuidSchema,
  kind: z.enum(['cluster', 'node_pool', 'load_balancer', 'dns_record']),
  /** `calling`: a call was begun and its answer is not known. */
  state: z.enum(['calling', 'there', 'gone']),
  /** Name at the provider; null while it is not known. */
  externalId: z.string().nullable(),
  /** Endpoints that need it. */
  users: z.array(uuidSchema),
  updatedAt: z.iso.datetime(),
  writer: z.string(),
});

/** One resource outside. */
export type InfraResource = z.infer<typeof infraResourceSchema>;
