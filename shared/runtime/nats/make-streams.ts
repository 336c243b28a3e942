import { JetStreamApiError, StorageType, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import type { Nats } from './nats.ts';
import { differences, explained, findStream, streamConfig, type StreamDefinition } from './nats-streams.ts';

/** A stream that holds the documents of another one on `from`, under `to`, with the sequences of their origin. */
export interface MirrorDefinition {
  name: string;
  origin: { name: string };
  from: string;
  to: string;
}

/** What the metadata of a stream become, from those that it has; undefined when it does not exist yet. */
export type Stamping = (present: Record<string, string> | undefined) => Record<string, string>;

/** How streams are made. */
export interface MakeOptions {
  stamp: Stamping;
  /** Copies. Without it a stream keeps what it has, and a new one gets 3 in a cluster of servers, 1 on a single one. */
  replicas?: number;
  /** The first sequence of a stream that does not exist yet. */
  firstSeq?: number;
}

/** Code of nats-server's errors.json: stream name already in use with a different configuration. */
const nameInUse = 10_058;

/** Consumers of a mirror: a reader that was taken over must not fill the server with them. No update can change it. */
const readersMax = 1000;

type Wanted = Partial<StreamConfig> & { name: string };

/**
 * Makes each stream exist as defined: creates what is missing, updates what differs, leaves a mirror alone (the operator
 * made it). For the one step of an operator: processes verify.
 * @throws naming the stream and what the server said, or that it exists in a form that no update can change.
 */
export async function makeStreams(
  nats: Nats,
  definitions: readonly StreamDefinition[],
  options: MakeOptions,
): Promise<void> {
  for (const definition of definitions)
    await explained(definition.name, async () => {
      const present = await findStream(nats, definition.name);
      if (present?.config.mirror !== undefined) return;
      const wanted = { ...streamConfig(definition), ...shared(nats, options, present) };
      if (present !== undefined) return update(nats, wanted, present);
      await create(nats, { ...wanted, ...(options.firstSeq !== undefined && { first_seq: options.firstSeq }) });
    });
}

/**
 * Makes a mirror. One that `isStale` calls so, or of another part of the origin, is deleted and made anew: a mirror does
 * not notice that its origin is another stream. Returns what was done.
 */
export async function makeMirror(
  nats: Nats,
  mirror: MirrorDefinition,
  options: MakeOptions & { isStale: (info: StreamInfo) => Promise<boolean> },
): Promise<'made' | 'made anew' | 'kept'> {
  return explained(mirror.name, async () => {
    const found = await findStream(nats, mirror.name);
    const source = mirrorSource(mirror);
    const stale = found !== undefined && (!isSameSource(found.config, source) || (await options.isStale(found)));
    if (stale) await nats.jsm.streams.delete(mirror.name);
    const present = stale ? undefined : found;
    const wanted: Wanted = {
      name: mirror.name,
      storage: StorageType.File,
      max_msgs_per_subject: 1,
      allow_msg_ttl: true,
      deny_delete: true,
      mirror_direct: false,
      ...shared(nats, options, present),
    };
    if (present === undefined) await create(nats, { ...wanted, mirror: source, max_consumers: readersMax });
    else await update(nats, wanted, present);
    return present !== undefined ? 'kept' : stale ? 'made anew' : 'made';
  });
}

async function create(nats: Nats, wanted: Wanted): Promise<void> {
  try {
    await nats.jsm.streams.add(wanted);
  } catch (error) {
    const isThere = error instanceof JetStreamApiError && error.code === nameInUse;
    if (!isThere) throw error;
    // Somebody was faster, with other limits or another stamp.
    await update(nats, wanted, await nats.jsm.streams.info(wanted.name));
  }
}

async function update(nats: Nats, wanted: Wanted, present: StreamInfo): Promise<void> {
  const changes = differences(wanted, present.config);
  for (const fixed of ['retention', 'storage'] as const)
    if (fixed in changes)
      throw new Error(
        `it exists with ${fixed} "${present.config[fixed]}" instead of "${wanted[fixed]}", which no update can change. Save what is in it, delete it and start again.`,
      );
  if (Object.keys(changes).length > 0) await nats.jsm.streams.update(wanted.name, changes);
}

/** How many copies a stream gets: as asked, else as many as it has; a new one three in a cluster, one on a single server. */
export function copiesOf(of: { asked: number | undefined; present: number | undefined; clustered: boolean }): number {
  return of.asked ?? of.present ?? (of.clustered ? 3 : 1);
}

/** What a stream and a mirror have in common. The server's own metadata stay. */
function shared(nats: Nats, { stamp, replicas }: MakeOptions, present: StreamInfo | undefined): Partial<StreamConfig> {
  const clustered = nats.nc.info?.cluster !== undefined;
  const metadata = present?.config.metadata;
  return {
    num_replicas: copiesOf({ asked: replicas, present: present?.config.num_replicas, clustered }),
    metadata: { ...metadata, ...stamp(metadata) },
  };
}

function mirrorSource({ origin, from, to }: MirrorDefinition): NonNullable<StreamConfig['mirror']> {
  return { name: origin.name, subject_transforms: [{ src: from, dest: to }] };
}

function isSameSource({ mirror }: StreamConfig, wanted: NonNullable<StreamConfig['mirror']>): boolean {
  const shown = (source: StreamConfig['mirror']): string => JSON.stringify([source?.name, source?.subject_transforms]);
  return shown(mirror) === shown(wanted);
}
