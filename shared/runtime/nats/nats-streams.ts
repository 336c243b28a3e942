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
  /** A key-value bucket: the stream's name is `KV_<bucket>`, its subjects `$KV.<bucket>.>`. */
  bucket?: boolean;
}

/** How long a JetStream that is not ready yet (it starts, it elects a leader) is waited for. */
const patience = { baseMs: 100, maxMs: 1000, budgetMs: 15_000 };

/** Codes of nats-server's errors.json: stream not found, stream name already in use with a different configuration. */
const notFound = 10_059;
const nameInUse = 10_058;

/**
 * Makes each stream exist as defined: creates what is missing, updates what differs, leaves a mirror alone (the operator
 * made it). Safe to call from every process at every start, in any order and at the same time. `replicas` is 1 on a
 * single server and 3 in production.
 * @throws naming the stream and what the server said, or that it exists in a form that no update can change.
 */
export async function ensureStreams(
  nats: Nats,
  definitions: readonly StreamDefinition[],
  replicas: number,
): Promise<void> {
  const classify = (error: unknown): { retry: boolean } => ({ retry: isNatsTrouble(error) });
  for (const definition of definitions) {
    const wanted = streamConfig(definition, replicas);
    try {
      await retry({ clock: systemClock, ...patience, classify }, () => ensureStream(nats, wanted));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Stream ${wanted.name} cannot be made as it is needed: ${reason}`, { cause: error });
    }
  }
}

type Wanted = Partial<StreamConfig> & { name: string };

async function ensureStream(nats: Nats, wanted: Wanted): Promise<void> {
  const present = (await find(nats, wanted.name)) ?? (await create(nats, wanted));
  if (present === undefined || present.config.mirror !== undefined) return;
  const changes = differences(wanted, present.config);
  for (const fixed of ['retention', 'storage'] as const)
    if (fixed in changes)
      throw new Error(
        `it exists with ${fixed} "${present.config[fixed]}" instead of "${wanted[fixed]}", which no update can change. Save what is in it, delete it and start again.`,
      );
  if (Object.keys(changes).length > 0) await nats.jsm.streams.update(wanted.name, changes);
}

async function find(nats: Nats, name: string): Promise<StreamInfo | undefined> {
  try {
    return await nats.jsm.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === notFound) return undefined;
    throw error;
  }
}

/** Undefined when it was created; the stream of somebody who was faster, and has other limits, otherwise. */
async function create(nats: Nats, wanted: Wanted): Promise<StreamInfo | undefined> {
  try {
    await nats.jsm.streams.add(wanted);
    return undefined;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === nameInUse) return nats.jsm.streams.info(wanted.name);
    throw error;
  }
}

/** The server leaves out what is false. */
function differences(wanted: Wanted, present: StreamConfig): Partial<StreamConfig> {
  const shown = (value: unknown): string => JSON.stringify(value ?? false);
  const held: Record<string, unknown> = { ...present };
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => shown(value) !== shown(held[key])));
}

function streamConfig(definition: StreamDefinition, replicas: number): Wanted {
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
    num_replicas: replicas,
    deny_delete: definition.denyDelete ?? false,
    allow_rollup_hdrs: definition.bucket ?? false,
    allow_direct: definition.bucket ?? false,
    allow_msg_ttl: true,
    allow_atomic: documents && definition.bucket !== true,
  };
}
