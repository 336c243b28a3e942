import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { systemClock } from '../clock.ts';
import { ConfigError } from '../config-error.ts';
import type { Nats } from './nats.ts';
import { isNatsTrouble } from './nats-publish.ts';
import { retry } from '../retry.ts';

/** A stream as the contract declares it; times in milliseconds, sizes in bytes. */
export interface StreamDefinition {
  name: string;
  subjects: readonly string[];
  /** Documents: one message per subject, CAS. Log: everything, bounded by age and size, oldest dropped. */
  keep: 'document' | 'log';
  maxBytes: number;
  maxAgeMs?: number;
  maxMessageBytes: number;
  /** Clients may not delete messages (`deny_delete`). */
  denyDelete?: boolean;
  /** A document that expires leaves a marker for this long, so that who follows the stream is told. */
  markerTtlMs?: number;
  /** A key-value bucket: the stream's name is `KV_<bucket>`, its subjects `$KV.<bucket>.>`. */
  bucket?: boolean;
}

/** How long a JetStream that is not ready yet (it starts, it elects a leader) is waited for. */
const patience = { baseMs: 100, maxMs: 1000, budgetMs: 15_000 };

/** Code of nats-server's errors.json: stream not found. */
const notFound = 10_059;

/**
 * Checks that each stream exists, with subjects and properties that this process relies on; sizes and copies are the
 * operator's. Waits for a JetStream that is not ready.
 * @throws ConfigError with a sentence and the next command.
 */
export async function verifyStreams(
  nats: Nats,
  definitions: readonly StreamDefinition[],
  {
    check,
    signal,
  }: {
    /** Objects to a stream's metadata, in words. */
    check?: (metadata: Record<string, string> | undefined) => string | undefined;
    /** Ends the wait for a JetStream that is not ready. */
    signal?: AbortSignal | undefined;
  } = {},
): Promise<void> {
  const problems = await Promise.all(
    definitions.map((definition) =>
      explained(
        definition.name,
        async () => {
          const info = await findStream(nats, definition.name);
          const problem =
            info === undefined ? 'is missing' : (misfit(definition, info) ?? check?.(info.config.metadata));
          return problem === undefined ? [] : [`Stream ${definition.name} ${problem}.`];
        },
        signal,
      ),
    ),
  );
  if (problems.flat().length > 0)
    throw new ConfigError(
      `${problems.flat().join(' ')} If FAIRWAY_NATS_URL and FAIRWAY_REGION are right, run the step that makes and changes streams: npm run admin -- streams`,
    );
}

/** What a process relies on; the rest of a configuration is the operator's. */
const relied = new Set(
  'retention storage discard max_msgs_per_subject allow_msg_ttl allow_atomic allow_rollup_hdrs deny_delete'.split(' '),
);

function misfit(definition: StreamDefinition, { config }: StreamInfo): string | undefined {
  if (config.mirror !== undefined) return undefined;
  const lacking = definition.subjects.filter((subject) => !config.subjects.includes(subject));
  if (lacking.length > 0) return `does not hold ${lacking.join(', ')}`;
  if (config.max_msg_size !== -1 && config.max_msg_size < definition.maxMessageBytes)
    return `takes messages of ${config.max_msg_size} bytes only, not of ${definition.maxMessageBytes}`;
  const wanted = Object.entries(streamConfig(definition));
  const needed = Object.fromEntries(wanted.filter(([key, value]) => relied.has(key) && Boolean(value)));
  const [first] = Object.entries(differences(needed, config));
  return first && `is not as this version needs it: ${first[0]} must be ${JSON.stringify(first[1])}`;
}

/** A stream as it is; undefined when there is none. */
export async function findStream(nats: Nats, name: string): Promise<StreamInfo | undefined> {
  try {
    return await nats.jsm.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === notFound) return undefined;
    throw error;
  }
}

/** Tries again while JetStream is not ready. @throws what failed, with the name of the stream. */
export async function explained<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const classify = (error: unknown): { retry: boolean } => ({ retry: isNatsTrouble(error) });
  try {
    return await retry({ clock: systemClock, ...patience, classify, ...(signal && { signal }) }, work);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Stream ${name} cannot be had as it is needed: ${reason}`, { cause: error });
  }
}

/** The members of a configuration that a stream has otherwise; the server leaves out what is false. */
export function differences(wanted: Partial<StreamConfig>, present: StreamConfig): Partial<StreamConfig> {
  const shown = (value: unknown): string => JSON.stringify(value ?? false);
  const held: Record<string, unknown> = { ...present };
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => shown(value) !== shown(held[key])));
}

/** A definition in the words of the server. */
export function streamConfig(definition: StreamDefinition): Partial<StreamConfig> & { name: string } {
  const documents = definition.keep === 'document';
  return {
    name: definition.name,
    subjects: [...definition.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: documents ? DiscardPolicy.New : DiscardPolicy.Old,
    max_msgs_per_subject: documents ? 1 : -1,
    max_bytes: definition.maxBytes,
    max_age: definition.maxAgeMs === undefined ? 0 : nanos(definition.maxAgeMs),
    max_msg_size: definition.maxMessageBytes,
    duplicate_window: nanos(Math.min(120_000, definition.maxAgeMs ?? 120_000)),
    deny_delete: definition.denyDelete ?? false,
    // The server needs roll-ups for markers.
    allow_rollup_hdrs: definition.bucket === true || definition.markerTtlMs !== undefined,
    allow_direct: definition.bucket ?? false,
    allow_msg_ttl: true,
    allow_atomic: documents && definition.bucket !== true,
    ...(definition.markerTtlMs !== undefined && { subject_delete_marker_ttl: nanos(definition.markerTtlMs) }),
  };
}
