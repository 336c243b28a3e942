import { expired } from '../objects/api-error.ts';
import type { KindInfo } from '../objects/kinds.ts';
import { objectKey, type KubeObject } from '../objects/object.ts';

/** One change, as watches see it. `object` of a deletion is the last state with the deletion's revision. */
export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  kindId: string;
  object: KubeObject;
  previous: KubeObject | undefined;
  revision: number;
}

/** Where accepted writes go before they are answered. */
export interface Journal {
  /** Must have handed the event to the operating system when it returns. */
  append(event: StoreEvent): void;
}

/** What a store starts from. */
export interface StoreSeed {
  revision: number;
  objects: { kindId: string; object: KubeObject }[];
}

/** Revisions start above this, so that a client's "1" is always compacted, as on a server with a past. */
const firstRevision = 1000;

/** All objects with one revision counter and a bounded history. Writes are synchronous: no two ever interleave. */
export class Store {
  revision: number;
  #compacted: number;
  #history: StoreEvent[] = [];
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  readonly #historyLimit: number;
  readonly #journal: Journal | undefined;

  /** `historyLimit`: events kept for watches that start in the past; older revisions answer 410. */
  constructor(from: { historyLimit: number; journal?: Journal | undefined; seed?: StoreSeed | undefined }) {
    this.#historyLimit = from.historyLimit;
    this.#journal = from.journal;
    this.revision = from.seed?.revision ?? firstRevision;
    this.#compacted = this.revision;
    for (const { kindId, object } of from.seed?.objects ?? []) this.#place(kindId, object);
  }

  get(kind: KindInfo, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(kind.id)?.get(objectKey(kind.namespaced ? namespace : undefined, name));
  }

  /** Objects of a kind by key; all namespaces unless one is given. */
  list(kind: KindInfo, namespace?: string): KubeObject[] {
    const entries = [...(this.#objects.get(kind.id) ?? [])].filter(
      ([, object]) => namespace === undefined || object.metadata.namespace === namespace,
    );
    return entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  put(kind: KindInfo, object: KubeObject): KubeObject {
    const previous = this.get(kind, object.metadata.namespace, object.metadata.name);
    const stored = this.#stamp(object);
    this.#commit({ type: previous === undefined ? 'ADDED' : 'MODIFIED', kindId: kind.id, object: stored, previous });
    return stored;
  }

  remove(kind: KindInfo, object: KubeObject): KubeObject {
    const gone = this.#stamp(object);
    this.#commit({ type: 'DELETED', kindId: kind.id, object: gone, previous: object });
    return gone;
  }

  /** Calls `listener` within each write, in order of revision, until the returned function is called. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Events after `revision`. @throws ApiError 410 when some of them are no longer kept. */
  eventsSince(kind: KindInfo, revision: number): StoreEvent[] {
    if (revision < this.#compacted) throw expired(`too old resource version: ${revision} (${this.#compacted})`);
    return this.#history.filter((event) => event.kindId === kind.id && event.revision > revision);
  }

  /** Forgets the history: whoever is behind gets a 410 at the next request. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  *all(): Generator<{ kindId: string; object: KubeObject }> {
    for (const [kindId, objects] of this.#objects) for (const object of objects.values()) yield { kindId, object };
  }

  #stamp(object: KubeObject): KubeObject {
    this.revision += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.revision) } };
  }

  #commit(change: Omit<StoreEvent, 'revision'>): void {
    const event = { ...change, revision: this.revision };
    this.#journal?.append(event);
    if (event.type === 'DELETED') this.#objects.get(event.kindId)?.delete(keyOf(event.object));
    else this.#place(event.kindId, event.object);
    this.#history.push(event);
    if (this.#history.length > this.#historyLimit) this.#compacted = this.#history.shift()?.revision ?? this.#compacted;
    for (const listener of this.#listeners) listener(event);
  }

  #place(kindId: string, object: KubeObject): void {
    const objects = this.#objects.get(kindId) ?? new Map<string, KubeObject>();
    this.#objects.set(kindId, objects.set(keyOf(object), object));
  }
}

const keyOf = (object: KubeObject): string => objectKey(object.metadata.namespace, object.metadata.name);
