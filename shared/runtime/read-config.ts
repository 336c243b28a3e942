import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { environment } from './environment.ts';

export { ConfigError };

/** A string that is masked whenever the configuration is shown. */
export const secretText = z.string().min(1).meta({ secret: true });

/** A whole number: a count, milliseconds, bytes. */
export const count = (least: number): z.ZodCoercedNumber => z.coerce.number().int().min(least);

export const port = count(0).max(65_535);

export const keepAliveTime = count(0)
  .default(95_000)
  .describe('how long a connection without a request is kept: longer than load balancers and clients do');

export const lingerTime = count(0)
  .default(1000)
  .describe('time at the end for a request on its way through a kept connection: some round trips to the clients');

export const natsDrainTimeout = count(0).default(2000).describe('time at the end for what is on its way to NATS');

/** "1", "true", "yes" and "on" are true; "", "0", "false", "no" and "off" are false. */
export const flag = z
  .enum(['', '0', '1', 'true', 'false', 'yes', 'no', 'on', 'off'])
  .transform((text) => ['1', 'true', 'yes', 'on'].includes(text));

/**
 * Reads configuration from environment variables. Unset and empty variables take the schema's default.
 * @throws ConfigError naming every variable that does not fit, what was expected and what it is for.
 */
export function readConfig<S extends z.ZodObject>(schema: S, env = environment()): Readonly<z.infer<S>> {
  const input: Record<string, string> = {};
  for (const key of Object.keys(schema.shape)) {
    const value = env[key];
    if (value !== undefined && value !== '') input[key] = value;
  }
  const result = schema.safeParse(input);
  if (result.success) return Object.freeze(result.data);
  const lines = result.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? '');
    if (key === '') return `  ${issue.message}`;
    const purpose = describe(schema, key);
    return `  ${key}: ${key in input ? issue.message : 'is not set'}${purpose === '' ? '' : ` (${purpose})`}`;
  });
  throw new ConfigError(`The configuration does not fit. Set these environment variables:\n${lines.join('\n')}`);
}

/** The configuration as it may be logged: values of secret variables are replaced by "***". */
export function maskConfig(schema: z.ZodObject, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      isSecret(schema.shape[key]) && value !== undefined ? '***' : value,
    ]),
  );
}

function describe(schema: z.ZodObject, key: string): string {
  const field: unknown = schema.shape[key];
  return field instanceof z.ZodType ? (field.description ?? '') : '';
}

/** The mark may stand on a schema inside a wrapper (optional, default, transform …). */
function isSecret(field: unknown): boolean {
  if (!(field instanceof z.ZodType)) return false;
  if (field.meta()?.['secret'] === true) return true;
  const def: object = field.def;
  return ('innerType' in def && isSecret(def.innerType)) || ('in' in def && isSecret(def.in));
}
