import { z } from 'zod';
import { createRequestSchema, listQuerySchema, pageQuerySchema, patchRequestSchema } from './deployment.ts';
import { uuidSchema } from './ids.ts';
import { engineRequestSchema, rotationRequestSchema, routingRequestSchema, tokenRequestSchema } from './parts.ts';

/** Every command carries the caller's API token: who may publish on a team's subjects is not yet who may act for it. */
const envelope = { v: z.literal(1), token: z.string().min(1) };

/** `idempotencyKey` and `ifMatch` work as the HTTP headers do, `dryRun` and `query` as the query. */
const change = { ...envelope, idempotencyKey: z.string().min(1).max(255).optional() };
const dryRun = z.boolean().optional();
const ifMatch = z.string().max(255).optional();
const ofEndpoint = { id: uuidSchema };
const ofToken = { ...ofEndpoint, tokenId: uuidSchema };

/** Commands by verb, on `fairway.v1.<team>.<region>.cmd.<verb>`: request and reply, the same schemas and use cases as REST. */
export const commandSchemas = {
  create: z.strictObject({ ...change, dryRun, body: createRequestSchema }),
  list: z.strictObject({ ...envelope, query: listQuerySchema.prefault({}) }),
  get: z.strictObject({ ...envelope, ...ofEndpoint }),
  update: z.strictObject({ ...change, ...ofEndpoint, dryRun, ifMatch, body: patchRequestSchema }),
  delete: z.strictObject({ ...change, ...ofEndpoint, ifMatch }),
  get_routing: z.strictObject({ ...envelope, ...ofEndpoint }),
  put_routing: z.strictObject({ ...change, ...ofEndpoint, ifMatch, body: routingRequestSchema }),
  get_engine: z.strictObject({ ...envelope, ...ofEndpoint }),
  put_engine: z.strictObject({ ...change, ...ofEndpoint, dryRun, ifMatch, body: engineRequestSchema }),
  delete_engine: z.strictObject({ ...change, ...ofEndpoint, dryRun, ifMatch }),
  list_tokens: z.strictObject({ ...envelope, ...ofEndpoint, query: pageQuerySchema.prefault({}) }),
  create_token: z.strictObject({ ...change, ...ofEndpoint, body: tokenRequestSchema }),
  rotate_token: z.strictObject({ ...change, ...ofToken, body: rotationRequestSchema.prefault({}) }),
  delete_token: z.strictObject({ ...change, ...ofToken }),
  sealing_key: z.strictObject(envelope),
} as const;

/** One verb. */
export type CommandVerb = keyof typeof commandSchemas;

/** The verb of a text, undefined when there is none. */
export function commandVerbOf(text: string): CommandVerb | undefined {
  return commandVerbs.find((verb) => verb === text);
}

/** Every verb. */
export const commandVerbs = Object.keys(commandSchemas) as CommandVerb[];

/** A reply: the HTTP status that REST would have answered and the same body. */
export const commandReplySchema = z.object({ v: z.literal(1), status: z.int(), body: z.unknown() });

/** One reply. */
export type CommandReply = z.infer<typeof commandReplySchema>;
