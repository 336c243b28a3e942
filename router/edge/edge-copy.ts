import { accessSchema, type AccessDocument } from '#shared/contract/desired.ts';
import { poolDocumentSchema, type PoolDocument } from '#shared/contract/replica.ts';
import { lastToken } from '#shared/contract/subjects.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { ViewMessage } from '#shared/runtime/nats/nats-view.ts';
import { AccessDirectory } from './access-directory.ts';
import { PoolDirectory } from './pool-directory.ts';
import type { EdgeState } from './state-file.ts';

/** Whose copy it is. */
export interface EdgeCopyOptions {
  readonly vpcId: string;
  readonly log: Logger;
}

/** Told after each change. */
export type EdgeListener = (what: 'access' | 'pools') => void;

/**
 * Access and pools of one VPC in memory. Started from the copy on disk, then kept current by documents. Whatever the first
 * complete reading of a stream did not bring has ended while this router was away, and goes.
 */
export class EdgeCopy {
  readonly access = new AccessDirectory();
  readonly pools = new PoolDirectory();
  readonly #options: EdgeCopyOptions;
  readonly #listeners: EdgeListener[] = [];
  /** Ids seen in the first reading; undefined once it is complete. */
  #seenEndpoints: Set<string> | undefined = new Set();
  #seenPools: Set<string> | undefined = new Set();
  #loaded = false;

  constructor(options: EdgeCopyOptions) {
    this.#options = options;
  }

  /** There is something to serve from: the disk's copy, or both streams. */
  get loaded(): boolean {
    return this.#loaded || (this.#seenEndpoints === undefined && this.#seenPools === undefined);
  }

  onChange(listener: EdgeListener): void {
    this.#listeners.push(listener);
  }

  load(state: EdgeState): void {
    for (const document of state.access) this.access.put(document);
    for (const document of state.pools) this.pools.put(document);
    this.#loaded = true;
    this.#tell('access');
    this.#tell('pools');
  }

  state(): EdgeState {
    return { v: 1, vpcId: this.#options.vpcId, access: this.access.documents(), pools: this.pools.documents() };
  }

  applyAccess(message: ViewMessage): void {
    const endpointId = lastToken(message.subject);
    const document = this.#read(message, accessOf);
    if (document === 'unreadable') return;
    this.#seenEndpoints?.add(endpointId);
    if (document === undefined) this.access.remove(endpointId);
    else this.access.put(document);
    this.#tell('access');
  }

  applyPool(message: ViewMessage): void {
    const pool = lastToken(message.subject);
    const document = this.#read(message, poolOf);
    if (document === 'unreadable') return;
    this.#seenPools?.add(pool);
    if (document === undefined) this.pools.remove(pool);
    else this.pools.put(document);
    this.#tell('pools');
  }

  /** The first reading of the access documents is complete. */
  accessSynced(): void {
    const seen = this.#seenEndpoints;
    if (seen === undefined) return;
    this.#seenEndpoints = undefined;
    for (const id of this.access.endpointIds()) if (!seen.has(id)) this.access.remove(id);
    this.#tell('access');
  }

  /** The first reading of the pool documents is complete. */
  poolsSynced(): void {
    const seen = this.#seenPools;
    if (seen === undefined) return;
    this.#seenPools = undefined;
    for (const { pool } of this.pools.documents()) if (!seen.has(pool)) this.pools.remove(pool);
    this.#tell('pools');
  }

  #tell(what: 'access' | 'pools'): void {
    for (const listener of this.#listeners) listener(what);
  }

  /** Undefined when the document is gone; one that this version cannot read is parked: what was known stays. */
  #read<T>(message: ViewMessage, parse: (text: string) => T): T | undefined | 'unreadable' {
    if (message.deleted) return undefined;
    try {
      return parse(message.text);
    } catch (error) {
      this.#options.log.error({ subject: message.subject, seq: message.seq, reason: String(error) }, 'edge.unreadable');
      return 'unreadable';
    }
  }
}

function accessOf(text: string): AccessDocument | undefined {
  const document = accessSchema.parse(JSON.parse(text));
  return document.kind === 'access' ? document : undefined;
}

function poolOf(text: string): PoolDocument {
  return poolDocumentSchema.parse(JSON.parse(text));
}
