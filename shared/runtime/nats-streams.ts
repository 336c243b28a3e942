import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { Nats } from './nats.ts';

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

/**
 * Makes each stream exist as defined. Safe to call from every process at every start, in any order.
 * `replicas` is 1 on a single server and 3 in production.
 */
export async function ensureStreams(
  nats: Nats,
  definitions: readonly StreamDefinition[],
  replicas: number,
): Promise<void> {
  for (const definition of definitions) {
    const wanted = streamConfig(definition, replicas);
    const { name, retention: _retention, storage: _storage, ...update } = wanted;
    try {
      await nats.jsm.streams.update(name, update);
    } catch {
      await nats.jsm.streams.add(wanted);
    }
  }
}

type Wanted = Partial<StreamConfig> & { name: string };

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
