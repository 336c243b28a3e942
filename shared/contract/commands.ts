import { z } from 'zod';
import { createRequestSchema } from './deployment.ts';
import { uuidSchema } from './ids.ts';

/** Verbs of `fairway.v1.<team>.<region>.cmd.<verb>` (request and reply; the same use cases as REST). */
export const commandVerbs = ['create', 'get', 'delete'] as const;

/** One verb. */
export type CommandVerb = (typeof commandVerbs)[number];

/** Every command carries the caller's API token: who may publish on a team's subjects is not yet who may act for it. */
const envelope = { v: z.literal(1), token: z.string().min(1) };

/** Requests by verb. `idempotencyKey` works as the HTTP header does, `dryRun` as the query. */
export const commandSchemas = {
  create: z.strictObject({
    ...envelope,
    idempotencyKey: z.string().min(1).max(255).optional(),
    dryRun: z.boolean().optional(),
    body: createRequestSchema,
  }),
  get: z.strictObject({ ...envelope, id: uuidSchema }),
  delete: z.strictObject({ ...envelope, id: uuidSchema, idempotencyKey: z.string().min(1).max(255).optional() }),
} as const;

/** A reply: the HTTP status that REST would have answered and the same body. */
export const commandReplySchema = z.object({ v: z.literal(1), status: z.int(), body: z.unknown() });

/** One reply. */
export type CommandReply = z.infer<typeof commandReplySchema>;
