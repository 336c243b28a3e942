import { z } from 'zod';
import { regionSchema } from '#shared/contract/ids.ts';
import { readConfig, secretText } from '#shared/runtime/read-config.ts';

/** The environment of an operator's commands. */
export const adminConfigSchema = z.object({
  FAIRWAY_REGION: regionSchema.default('atl1').describe('the region that is worked on'),
  FAIRWAY_NATS_URL: secretText.optional().describe('NATS of the region as user admin, nats://admin:password@host:port'),
  FAIRWAY_NATS_KEY: secretText
    .refine((text) => Buffer.from(text, 'base64url').length === 32, 'must be 32 bytes in base64url')
    .optional()
    .describe('root of the passwords of NATS users, 32 bytes base64url'),
});

/** The configuration as read. */
export type AdminConfig = Readonly<z.infer<typeof adminConfigSchema>>;

/** Reads it. @throws ConfigError with every problem. */
export function readAdminConfig(env?: Record<string, string | undefined>): AdminConfig {
  return readConfig(adminConfigSchema, env);
}
