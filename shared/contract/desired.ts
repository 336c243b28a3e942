import { z } from 'zod';
import { engineArgumentsSchema, engineNames } from './catalogue/engines.ts';
import { regionSchema, uuidSchema } from './ids.ts';

/** A tenant of the control plane; also one token of a NATS subject, hence the alphabet. */
export const teamSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and "-"');

/** A secret sealed to the region's public key (HPKE), for its endpoint or by a client; only the provisioner can open it. */
export const sealedSchema = z.object({ enc: z.string(), ct: z.string(), by: z.literal('client').optional() });

/** A sealed secret as stored. */
export type SealedSecret = z.infer<typeof sealedSchema>;

/**
 * What a client's seal is bound to (`info` of HPKE): it does not know the endpoint's id yet, and what it has sealed opens in
 * endpoints of its own team alone, whoever else has got hold of it.
 */
export function clientSealInfo({ region, team }: { region: string; team: string }): string {
  return `fairway/v1/hugging_face_token/${region}/${team}`;
}

/** A group of equal replicas of one deployment. `scale` counts replicas. */
export const acceleratorSchema = z.object({
  acceleratorId: uuidSchema,
  slug: z.string(),
  type: z.enum(['prefill_decode', 'prefill', 'decode']),
  scale: z.int().min(1),
});

/** What a client has said of the engine of one model; what is left out is as the region does it. */
const engineSchema = z.object({
  engine: z.enum(engineNames).optional(),
  version: z.string().optional(),
  /** Longest prompt and answer together, tokens. */
  contextTokens: z.int().min(1).optional(),
  arguments: engineArgumentsSchema.optional(),
});

/** Engine settings of one model. */
export type EngineSettings = z.infer<typeof engineSchema>;

/** One model of an endpoint; its `modelId` is also the name of its pool. */
export const modelDeploymentSchema = z.object({
  modelId: uuidSchema,
  slug: z.string(),
  provider: z.enum(['hugging_face', 'modelcatalog']),
  providerModelId: z.string(),
  accelerators: z.array(acceleratorSchema).min(1),
  engine: engineSchema.optional(),
});

/** One model as desired. */
export type ModelDeployment = z.infer<typeof modelDeploymentSchema>;

/** How routers treat the requests of an endpoint; what is left out is as routers do it by themselves. */
export const routingSchema = z.object({
  policy: z
    .enum(['affinity', 'least_in_flight', 'round_robin', 'session_hash', 'aibrix'])
    .optional()
    .describe(
      'Where a request goes. `affinity`: where it is done soonest, by what each replica has cached and under way; for conversations and prompts that share much. `least_in_flight`: where the least are in flight; for prompts that share nothing. `round_robin`: to one after the other; for requests of one size on engines without a prefix cache. `session_hash`: a conversation always to the same replica, by its name, else by its first user message, whatever the load. `aibrix`: by longest match, unless that replica has far more requests than others (the prefix-cache rule of AIBrix). The last three are also there to compare with.',
    ),
  sessionHeader: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a header name in lower case')
    .optional()
    .describe('Request header, in lower case, that names a conversation beside those that routers know.'),
  stripBillingBlock: z
    .boolean()
    .optional()
    .describe('Take Claude Code’s billing block, which is another one in each request, out of the body.'),
  reasonHeader: z.boolean().optional().describe('Answers say in `x-fairway-route-reason` why their replica was taken.'),
  choicesMax: z
    .int()
    .min(1)
    .optional()
    .describe('Most choices that one request may ask for (`n`, `best_of`), of all its prompts together.'),
  outputTokensMax: z.int().min(1).optional().describe('Most output tokens that one request may ask for.'),
});

/** Routing settings of an endpoint. */
export type Routing = z.infer<typeof routingSchema>;

/** What an intent does. `release` is the region's own: nothing of the endpoint is left. */
export const intentVerbs = [
  'create',
  'scale',
  'update',
  'delete',
  'release',
  'create_token',
  'rotate_token',
  'revoke_token',
] as const;

/**
 * One accepted mutation, as remembered by the spec itself. `revision` is null in the entry of the write that carries
 * it, since a stream gives the sequence only afterwards: there it is the message's own sequence.
 */
export const intentEntrySchema = z.object({
  intentId: uuidSchema,
  /** Left out by writers that told of their mutations themselves: no audit line is made of it. */
  verb: z.enum(intentVerbs).optional(),
  /** Id of the API token; empty for what the region does by itself. */
  actor: z.string().default(''),
  requestId: z.string().default(''),
  /** The change in one line, without secrets. */
  summary: z.string().default(''),
  bodyHash: z.string(),
  /** SHA-256 of the document's content before; null when there was none. */
  previousHash: z.string().nullable().default(null),
  /** SHA-256 of its content with this change, intents left out; null from writers that did not tell. */
  contentHash: z.string().nullable().default(null),
  revision: z.int().nullable(),
  /** Milliseconds since the epoch. */
  at: z.int(),
});

/** One intent. */
export type IntentEntry = z.infer<typeof intentEntrySchema>;

/** How many intents a spec remembers. */
export const intentsMax = 32;

/** The whole desired state of an endpoint, on `fairway.spec.<endpointId>`. Its stream sequence is the revision. */
export const specDocumentSchema = z.object({
  v: z.literal(1),
  kind: z.literal('spec'),
  endpointId: uuidSchema,
  team: teamSchema,
  region: regionSchema,
  vpcId: uuidSchema,
  /** The client named the VPC; otherwise the region's default was taken. */
  vpcGiven: z.boolean(),
  name: z.string(),
  enablePublicEndpoint: z.boolean(),
  deployments: z.array(modelDeploymentSchema).min(1),
  /** DigitalOcean's small version: 1, 2, 3 … */
  version: z.int().min(1),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** Id of the API token that created it. */
  createdBy: z.string(),
  sealedHuggingFaceToken: sealedSchema.optional(),
  routing: routingSchema.optional(),
  intents: z.array(intentEntrySchema).max(intentsMax),
  /** Present once deletion was asked for; never taken back. */
  deletion: z.object({ requestedAt: z.iso.datetime(), requestedBy: z.string() }).optional(),
});

/** What is left of a deleted endpoint for 30 days: no secrets, no names; the intents are those whose audit line is due. */
export const tombstoneSchema = z.object({
  v: z.literal(1),
  kind: z.literal('tombstone'),
  endpointId: uuidSchema,
  team: teamSchema,
  deletedAt: z.iso.datetime(),
  intents: z.array(intentEntrySchema).max(intentsMax).default([]),
});

/** Either of the two, as read from a spec subject. */
export const desiredSchema = z.discriminatedUnion('kind', [specDocumentSchema, tombstoneSchema]);

/** The desired state of a living endpoint. */
export type SpecDocument = z.infer<typeof specDocumentSchema>;

/** What is left of an endpoint. */
export type TombstoneDocument = z.infer<typeof tombstoneSchema>;

/** A spec document or a tombstone. */
export type DesiredDocument = z.infer<typeof desiredSchema>;

/** A spec with the stream sequence it stands at. */
export interface RevisedSpec {
  spec: SpecDocument;
  revision: number;
}

/** One data-plane token as routers see it: never its value, only its keyed hash. */
export const accessTokenSchema = z.object({
  tokenId: uuidSchema,
  name: z.string(),
  hash: z.string(),
  managed: z.boolean(),
  createdAt: z.iso.datetime(),
  /** Names of the models that it may use; all when left out. */
  models: z.array(z.string()).min(1).optional(),
  /** From this instant on it is no longer good. */
  expiresAt: z.iso.datetime().optional(),
  /** Networks that it may be used from (CIDR); everywhere when left out. */
  networks: z.array(z.string()).min(1).optional(),
  /** Isolation group: caches and stored responses are shared within it alone; the whole endpoint when left out. */
  group: z.string().min(1).max(64).optional(),
  /** Many people use it: this request header, in lower case, tells them apart where requests take turns. */
  flowHeader: z.string().optional(),
  /** The token that has taken its place: it is good until it expires, and is then gone. */
  replacedBy: uuidSchema.optional(),
});

/** Who may call an endpoint, and under which host names; on `fairway.access.<vpcId>.<endpointId>`. */
export const accessDocumentSchema = z.object({
  v: z.literal(1),
  kind: z.literal('access'),
  endpointId: uuidSchema,
  team: teamSchema,
  vpcId: uuidSchema,
  hosts: z.object({ public: z.string().optional(), private: z.string() }),
  tokens: z.array(accessTokenSchema),
});

/** The end of an access document: routers drop the endpoint's tokens. */
export const accessTombstoneSchema = z.object({
  v: z.literal(1),
  kind: z.literal('revoked'),
  endpointId: uuidSchema,
  vpcId: uuidSchema,
});

/** Either of the two, as read from an access subject. */
export const accessSchema = z.discriminatedUnion('kind', [accessDocumentSchema, accessTombstoneSchema]);

/** Access of a living endpoint. */
export type AccessDocument = z.infer<typeof accessDocumentSchema>;

/**
 * Access as the API reads it to write the next one. Routers know nothing of the intents, and what a newer process has put
 * on a token is carried forward by an older one.
 */
export const writtenAccessSchema = accessDocumentSchema.extend({
  tokens: z.array(z.looseObject(accessTokenSchema.shape)),
  intents: z.array(intentEntrySchema).max(intentsMax).default([]),
});

/** Access with the changes of its tokens. */
export type WrittenAccess = z.infer<typeof writtenAccessSchema>;

/** The claim of a name within a team, on `fairway.name.<team>.<hash(name)>`; `released` makes it free again. */
export const nameSchema = z.discriminatedUnion('kind', [
  z.object({ v: z.literal(1), kind: z.literal('name'), endpointId: uuidSchema, name: z.string() }),
  z.object({ v: z.literal(1), kind: z.literal('released') }),
]);

/** A name claim or its release. */
export type NameDocument = z.infer<typeof nameSchema>;
