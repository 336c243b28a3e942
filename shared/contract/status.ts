import { z } from 'zod';
import { modelDeploymentSchema } from './desired.ts';
import { uuidSchema } from './ids.ts';
import { lifecycleStates } from './lifecycle.ts';

/** What the replicas of a change pass, in order. */
export const changeSteps = ['capacity', 'node', 'image', 'weights', 'load', 'warm', 'proof'] as const;

/** One of these steps. */
export type ChangeStep = (typeof changeSteps)[number];

/** Where a pending change stands, in order. */
export const phases = [...changeSteps, 'done', 'teardown'] as const;

/** A phase's name. */
export type Phase = (typeof phases)[number];

/** What conditions are about, in the order in which they are told. */
export const conditionTypes = ['Accepted', 'Scheduled', 'ReplicasReady', 'Reachable', 'Ready', 'Stalled'] as const;

/** A condition as Kubernetes has them: `status` changes move `lastTransitionTime`, nothing else does. */
export const conditionSchema = z.object({
  type: z.enum(conditionTypes),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  /** What to do next, where something should be done. */
  hint: z.string().optional(),
  observedRevision: z.int(),
  lastTransitionTime: z.iso.datetime(),
});

/** One condition. */
export type Condition = z.infer<typeof conditionSchema>;

/** One replica as the provisioner sees it. */
export const replicaStatusSchema = z.object({
  replicaId: z.string(),
  name: z.string(),
  state: z.enum(['pending', 'starting', 'proving', 'ready', 'draining']),
  reason: z.string(),
});

/** The spec that is being served now, without secrets. */
export const liveSpecSchema = z.object({
  revision: z.int(),
  version: z.int(),
  name: z.string(),
  enablePublicEndpoint: z.boolean(),
  deployments: z.array(modelDeploymentSchema),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

/** Why a change was given up, and what to do. */
export const rejectionSchema = z.object({
  revision: z.int(),
  reason: z.string(),
  message: z.string(),
  hint: z.string(),
  at: z.iso.datetime(),
});

/** What replicas of a change are of: a GPU size and the model on it, whichever engine serves it. */
const changeGroupSchema = z.object({ accelerator: z.string(), model: z.string() });

/** One kind of replicas. */
export type ChangeGroup = z.infer<typeof changeGroupSchema>;

/** How like an earlier change is to the present one: the same models on the same GPUs, the same GPUs, or any. */
export const likenesses = ['model', 'accelerator', 'any'] as const;

/** One degree of it. */
export type Likeness = (typeof likenesses)[number];

/** A change that came about, and how long each step took it, milliseconds; a step that it was never seen in is left out. */
export const pastChangeSchema = z.object({
  at: z.iso.datetime(),
  groups: z.array(changeGroupSchema),
  stepMs: z.partialRecord(z.enum(changeSteps), z.int().min(0)),
});

/** One of them. */
export type PastChange = z.infer<typeof pastChangeSchema>;

/** When a change should be ready, judged by earlier ones: half of those were by then, and nine of ten. */
const readyEstimateSchema = z.object({
  readyAt: z.iso.datetime(),
  readyBy: z.iso.datetime(),
  likeness: z.enum(likenesses),
  /** How many earlier changes say so. */
  changes: z.int().min(1),
});

/** When a change should be ready. */
export type ReadyEstimate = z.infer<typeof readyEstimateSchema>;

/** How far the present change is: steps that every replica has passed, of how many. */
export const changeProgressSchema = z.object({
  passed: z.int(),
  steps: z.int(),
  /** Absent while no earlier change says anything. */
  estimate: readyEstimateSchema.optional(),
});

/** How far a change is. */
export type ChangeProgress = z.infer<typeof changeProgressSchema>;

/** What the replicas that drain are waited for: all of them together, as registered routers report it. */
const drainingSchema = z.object({
  replicas: z.int().min(1),
  /** Requests in flight on them; null while one router has not told: unknown is not 0. */
  inflight: z.int().min(0).nullable(),
  /** When the oldest of these began; null while there is none, or it is not known. */
  oldest: z.iso.datetime().nullable(),
  /** After this instant the last of the replicas goes, whatever is in flight. */
  deadline: z.iso.datetime(),
  /** What is waited for, in a sentence. */
  message: z.string(),
  /** When it stood so: figures are renewed every few seconds, not with each report. */
  at: z.iso.datetime(),
});

/** One self-contained document by the provisioner, on `fairway.status.<endpointId>`. */
export const statusDocumentSchema = z.object({
  v: z.literal(1),
  endpointId: uuidSchema,
  state: z.enum(lifecycleStates),
  lifecycleSeq: z.int(),
  /** The newest revision that was taken up; everything below describes it. */
  observedRevision: z.int(),
  live: liveSpecSchema.nullable(),
  phase: z.enum(phases),
  phaseSince: z.iso.datetime(),
  /** When the present change was taken up. */
  changeSince: z.iso.datetime(),
  /**
   * While a change is under way: how many times a replica of it got a node or was proven, and when the greatest number was
   * first seen: its deadline counts from there, since replicas that are exchanged one by one take as many times as long.
   */
  advance: z.object({ count: z.int().min(0), at: z.iso.datetime() }).optional(),
  /** Absent when no change is under way. */
  progress: changeProgressSchema.optional(),
  reason: z.string(),
  message: z.string(),
  /** What a person should do next, in one line; absent while there is nothing to do but wait. */
  hint: z.string().optional(),
  conditions: z.array(conditionSchema),
  replicas: z.object({ desired: z.int(), ready: z.int() }),
  replicaList: z.array(replicaStatusSchema).max(512),
  /** Absent when no replica drains. */
  draining: drainingSchema.optional(),
  hosts: z.object({ public: z.string().optional(), private: z.string() }).nullable(),
  rejection: rejectionSchema.nullable(),
  /** Certificates, in PEM, that a client of the private listener trusts: the present CA, and the next one before it is used. */
  caCertificates: z.array(z.string()).optional(),
  history: z.array(z.object({ phase: z.enum(phases), at: z.iso.datetime(), reason: z.string() })).max(64),
  /** The newest changes of the endpoint that came about: what estimates in the whole region are made from. */
  pastChanges: z.array(pastChangeSchema).max(8).optional(),
  updatedAt: z.iso.datetime(),
  /** The provisioner that wrote it. */
  writer: z.string(),
});

/** The provisioner's report on one endpoint. */
export type StatusDocument = z.infer<typeof statusDocumentSchema>;

/** One line of an endpoint's timeline, on `fairway.event.<endpointId>`. */
export const eventDocumentSchema = z.object({
  v: z.literal(1),
  endpointId: uuidSchema,
  team: z.string(),
  at: z.iso.datetime().describe('When.'),
  actor: z.string().describe('Who did it: an API token’s id, or a part of Fairway.'),
  type: z.string().describe('What happened.'),
  phase: z.string().describe('Where the change stood.'),
  reason: z.string().describe('Why, in one word for programs.'),
  message: z.string().describe('What happened, in a sentence for people.'),
  hint: z.string().describe('What to do; often nothing.'),
  revision: z.int().describe('The revision that it happened to.'),
});

/** One event. */
export type EventDocument = z.infer<typeof eventDocumentSchema>;
