import { z } from 'zod';
import { regionSchema, type Region } from '#shared/contract/ids.ts';
import { edgeApi } from '#shared/contract/nats-roles.ts';
import { count, readConfig } from '#shared/runtime/read-config.ts';
import { serverSettings } from '../http/server-settings.ts';

const regionsText = z.string().transform((text, check): Map<Region, string[]> => {
  const regions = new Map<Region, string[]>();
  for (const part of text.split(',').filter((piece) => piece.trim() !== '')) {
    const [slug = '', addresses = ''] = part.split('=', 2);
    const region = regionSchema.safeParse(slug.trim());
    const origins = addresses.split('|').map((address) => address.trim());
    const fits = origins.every((origin) => URL.canParse(origin) && new URL(origin).protocol.startsWith('http'));
    if (region.success && fits)
      regions.set(
        region.data,
        origins.map((origin) => new URL(origin).origin),
      );
    else check.addIssue(`${part}: must be <region>=<http address>, with | between the addresses of one region`);
  }
  if (regions.size === 0) check.addIssue('must name at least one region');
  return regions;
});

/** The environment of `api/central`. */
export const centralConfigSchema = z
  .object({
    ...serverSettings({
      port: 8080,
      nats: 'NATS with the mirror of API tokens, nats://central:password@host:port',
      drainTimeoutMs: 30_000,
    }),
    FAIRWAY_NATS_API: z.string().min(1).default(edgeApi).describe('how the account of this user calls JetStream’s API'),
    FAIRWAY_REGIONS: regionsText.describe('where each region is: atl1=http://host:port|http://host:port,nyc2=…'),
    FAIRWAY_CONNECT_TIMEOUT_MS: count(50).default(1000).describe('time to connect to a region'),
    FAIRWAY_READ_TIMEOUT_MS: count(100).default(2300).describe('time a region has for a read'),
    FAIRWAY_CHANGE_TIMEOUT_MS: count(1000)
      .default(30_000)
      .describe('time a region has for a change; longer than its FAIRWAY_PUBLISH_BUDGET_MS'),
    FAIRWAY_EVENT_STREAM_SILENCE_MS: count(1000)
      .default(60_000)
      .describe(
        'a stream of events that is silent for so long is lost; some FAIRWAY_EVENT_STREAM_BEAT_MS of its region',
      ),
  })
  .check(({ value, issues }) => {
    const { FAIRWAY_CONNECT_TIMEOUT_MS: connectMs, FAIRWAY_READ_TIMEOUT_MS: readMs } = value;
    if (readMs > connectMs) return;
    const message = `must be more than FAIRWAY_CONNECT_TIMEOUT_MS (${connectMs}), which is a part of it`;
    issues.push({ code: 'custom', path: ['FAIRWAY_READ_TIMEOUT_MS'], input: readMs, message });
  });

/** The configuration as read. */
export type CentralConfig = Readonly<z.infer<typeof centralConfigSchema>>;

/** Reads it. @throws ConfigError with every problem. */
export function readCentralConfig(env?: Record<string, string | undefined>): CentralConfig {
  return env === undefined ? readConfig(centralConfigSchema) : readConfig(centralConfigSchema, env);
}
