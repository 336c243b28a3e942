import { z } from 'zod';
import { teamSchema } from './desired.ts';
import { regionSchema, uuidSchema } from './ids.ts';

/** What an API token may do: with endpoints, and with the data-plane tokens of endpoints. */
export const scopes = [
  'dedicated_inference:create',
  'dedicated_inference:read',
  'dedicated_inference:update',
  'dedicated_inference:delete',
  'dedicated_inference_tokens:create',
  'dedicated_inference_tokens:read',
  'dedicated_inference_tokens:delete',
] as const;

/** One scope. */
export type Scope = (typeof scopes)[number];

/** The scope of a text, undefined when there is none. DigitalOcean also writes `dedicated_inference_token:read`. */
export function scopeOf(text: unknown): Scope | undefined {
  return scopes.find((scope) => scope === text || scope.replace('_tokens:', '_token:') === text);
}

/**
 * One API token on `fairway.identity.token.<hash>`: the hash is SHA-256 of the token (tokens are 192 random bits, so that a
 * plain digest cannot be searched), and the whole key of the subject, so that a lookup needs no list.
 */
export const apiTokenDocumentSchema = z.object({
  v: z.literal(1),
  tokenId: z.string(),
  team: teamSchema,
  scopes: z.array(z.enum(scopes)),
  /** Null never expires. */
  expiresAt: z.iso.datetime().nullable(),
  revoked: z.boolean(),
});

/** One API token's rights. */
export type ApiTokenDocument = z.infer<typeof apiTokenDocumentSchema>;

/** A tenant, on `fairway.identity.team.<team>`. */
export const teamDocumentSchema = z.object({ v: z.literal(1), team: teamSchema, createdAt: z.iso.datetime() });

/** A VPC, on `fairway.identity.vpc.<vpcId>`: endpoints of the named teams alone may stand in it. */
export const vpcDocumentSchema = z.object({
  v: z.literal(1),
  vpcId: uuidSchema,
  region: regionSchema,
  teams: z.array(teamSchema).min(1),
  createdAt: z.iso.datetime(),
});

/** Who calls the control plane. */
export interface Principal {
  tokenId: string;
  team: string;
  scopes: readonly Scope[];
}
