import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { accessSchema, type AccessDocument } from '#shared/contract/desired.ts';
import { poolDocumentSchema, type PoolDocument } from '#shared/contract/replica.ts';
import type { StreamReading } from '#shared/contract/stream-stamp.ts';
import { lastToken } from '#shared/contract/subjects.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { ViewMessage } from '#shared/runtime/nats/nats-view.ts';
import { AccessDirectory } from './access-directory.ts';
import { PoolDirectory } from './pool-directory.ts';
import type { EdgeState } from './state-file.ts';

/** The two kinds of documents that a router reads. */
export const edgeParts = ['access', 'pools'] as const;

/** One of them. */
export type EdgePart = (typeof edgeParts)[number];

/** Told after each change, and when there is something to serve from for the first time. */
export type EdgeListener = (what: EdgePart) => void;

/**
 * Access and pools of one VPC in memory. Started from the copy on disk, then kept current by documents. What a complete
 * reading did not bring has ended, and goes; also what the disk's copy had.
 */
export class EdgeCopy {
  readonly access = new AccessDirectory();
  readonly pools = new PoolDirectory();
  readonly #vpcId: string;
  readonly #log: Logger;
  readonly #listeners: EdgeListener[] = [];
  /** Ids that only the disk has told of. */
  readonly #fromDisk = { access: new Set<string>(), pools: new Set<string>() };
  readonly #readings: Partial<Record<EdgePart, StreamReading>> = {};
  /** Parts of which this process has had a complete reading. */
  readonly #complete = new Set<EdgePart>();
  #loaded = false;

  constructor({ vpcId, log }: { vpcId: string; log: Logger }) {
    this.#vpcId = vpcId;
    this.#log = log;
  }

  /** There is something to serve from: the disk's copy, or both parts. */
  get loaded(): boolean {
    return this.#loaded || edgeParts.every((part) => this.#readings[part] !== undefined);
  }

  /** Resolves once there is. */
  async whenLoaded(): Promise<void> {
    if (!this.loaded) await new Promise<void>((resolve) => this.onChange(() => this.loaded && resolve()));
  }

  onChange(listener: EdgeListener): void {
    this.#listeners.push(listener);
  }

  load(state: EdgeState): void {
    for (const document of state.access) this.access.put(document);
    for (const document of state.pools) this.pools.put(document);
    for (const { endpointId } of state.access) this.#fromDisk.access.add(endpointId);
    for (const { pool } of state.pools) this.#fromDisk.pools.add(pool);
    Object.assign(this.#readings, state.readings);
    this.#loaded = true;
    for (const part of edgeParts) this.#tell(part);
  }

  state(): EdgeState {
    const [access, pools] = [this.access.documents(), this.pools.documents()];
    return { v: 1, vpcId: this.#vpcId, access, pools, readings: this.#readings };
  }

  /** The last complete reading of a part, and how far it has been followed since. */
  reading(part: EdgePart): StreamReading | undefined {
    return this.#readings[part];
  }

  /** A document, or its end. */
  take(part: EdgePart, message: ViewMessage): void {
    const id = lastToken(message.subject);
    this.#fromDisk[part].delete(id);
    const before = this.#document(part, id);
    if (part === 'access') this.#takeAccess(id, message);
    else this.#takePool(id, message);
    const reading = this.#readings[part];
    if (reading !== undefined) reading.lastSeq = Math.max(reading.lastSeq, message.seq);
    // The first reading brings again what the disk's copy had.
    if (this.#complete.has(part) || !isDeepStrictEqual(before, this.#document(part, id))) this.#tell(part);
  }

  /** The source has this subject no more. */
  drop(part: EdgePart, subject: string): void {
    this.#remove(part, lastToken(subject));
    this.#tell(part);
  }

  /** All that the source had when it was in this state has been taken. */
  readingComplete(part: EdgePart, reading: StreamReading): void {
    const before = this.loaded;
    this.#readings[part] = { ...reading };
    this.#complete.add(part);
    for (const id of this.#fromDisk[part]) this.#remove(part, id);
    this.#fromDisk[part].clear();
    for (const each of before ? [part] : edgeParts) this.#tell(each);
  }

  /** A document that says who may call and cannot be read grants nothing: it may be the one that revokes. */
  #takeAccess(endpointId: string, message: ViewMessage): void {
    const document = message.deleted ? 'ended' : this.#read(message, readAccess);
    if (document === 'ended' || document === undefined) this.access.remove(endpointId);
    else this.access.put(document);
  }

  /** A pool that cannot be read stays as it was: its replicas go on serving. */
  #takePool(pool: string, message: ViewMessage): void {
    const document = message.deleted ? 'ended' : this.#read(message, readPool);
    if (document === 'ended') this.pools.remove(pool);
    else if (document !== undefined) this.pools.put(document);
  }

  #remove(part: EdgePart, id: string): void {
    this.#fromDisk[part].delete(id);
    this[part].remove(id);
  }

  #document(part: EdgePart, id: string): unknown {
    return part === 'access' ? this.access.document(id) : this.pools.pool(id);
  }

  /** Nobody is served before it is loaded, so that nobody looks at everything anew for each document of a first reading. */
  #tell(part: EdgePart): void {
    if (!this.loaded) return;
    for (const listener of this.#listeners) listener(part);
  }

  /** Undefined for one that this version cannot read, which is parked: logged, and left where it is. */
  #read<T>({ subject, seq, text }: ViewMessage, parse: (json: unknown) => T): T | undefined {
    try {
      return parse(JSON.parse(text));
    } catch (error) {
      this.#log.error({ subject, seq, reason: String(error) }, 'edge.parked');
      return undefined;
    }
  }
}

const revokedSchema = z.looseObject({ kind: z.literal('revoked') });

function readAccess(json: unknown): AccessDocument | 'ended' {
  if (revokedSchema.safeParse(json).success) return 'ended';
  const document = accessSchema.parse(json);
  return document.kind === 'access' ? document : 'ended';
}

function readPool(json: unknown): PoolDocument | 'ended' {
  return poolDocumentSchema.parse(json);
}
