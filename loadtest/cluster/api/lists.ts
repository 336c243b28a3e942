import { ApiError, expired, notServed } from '../objects/api-error.ts';
import { apiVersionOf, type KindInfo } from '../objects/kinds.ts';
import { objectKey, type JsonObject, type KubeObject } from '../objects/object.ts';
import { numberParam, requestTest } from '../objects/selectors.ts';
import type { Store } from './store.ts';

interface Snapshot {
  revision: number;
  objects: KubeObject[];
}

/** Lists that are continued keep the state of their first page; this many may be under way at once. */
const snapshotsMax = 64;

/** Answers LIST requests: one consistent state per list, in pages; stale on demand where a client allows it. */
export class Lists {
  readonly #store: Store;
  readonly #pages = new Map<string, Snapshot>();
  readonly #stale = new Map<string, Snapshot>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** From now on `resourceVersion=0` lists of this kind answer with today's state, as a lagging watch cache does. */
  freeze(kind: KindInfo): void {
    this.#stale.set(kind.id, { revision: this.#store.revision, objects: this.#store.list(kind) });
  }

  thaw(): void {
    this.#stale.clear();
  }

  /** @throws ApiError 410 when the state of the first page is gone. */
  list(kind: KindInfo, namespace: string | undefined, query: URLSearchParams): JsonObject {
    const match = query.get('resourceVersionMatch');
    if (match === 'Exact') throw notServed('resourceVersionMatch=Exact');
    const passes = requestTest(query);
    const limit = numberParam(query, 'limit') ?? 0;
    const token = query.get('continue') ?? '';
    const { snapshot, after, id } = token === '' ? this.#first(kind, query) : this.#continued(token);
    const items = snapshot.objects.filter(
      (object) => (namespace === undefined || object.metadata.namespace === namespace) && passes(object),
    );
    const rest = items.filter((object) => keyOf(object) > after);
    const page = limit > 0 ? rest.slice(0, limit) : rest;
    const metadata: JsonObject = { resourceVersion: String(snapshot.revision) };
    const last = page.at(-1);
    if (page.length < rest.length && last !== undefined) {
      this.#remember(id, snapshot);
      metadata['continue'] = Buffer.from(JSON.stringify([id, keyOf(last)])).toString('base64url');
      metadata['remainingItemCount'] = rest.length - page.length;
    }
    return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items: page };
  }

  /** The state of the first pages is forgotten, as after a compaction. */
  forgetPages(): void {
    this.#pages.clear();
  }

  #first(kind: KindInfo, query: URLSearchParams): { snapshot: Snapshot; after: string; id: string } {
    refuseFuture(this.#store.revision, numberParam(query, 'resourceVersion') ?? 0);
    const stale = query.get('resourceVersion') === '0' ? this.#stale.get(kind.id) : undefined;
    const snapshot = stale ?? { revision: this.#store.revision, objects: this.#store.list(kind) };
    return { snapshot, after: '', id: `${kind.id} ${snapshot.revision}` };
  }

  #continued(token: string): { snapshot: Snapshot; after: string; id: string } {
    const [id, after] = parseToken(token);
    const snapshot = this.#pages.get(id);
    if (snapshot !== undefined) return { snapshot, after, id };
    throw expired('The provided continue parameter is too old to display a consistent list result. Start a new list.');
  }

  #remember(id: string, snapshot: Snapshot): void {
    this.#pages.delete(id);
    this.#pages.set(id, snapshot);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= snapshotsMax) return;
      this.#pages.delete(oldest);
    }
  }
}

/** A client that has seen a newer state elsewhere must not be shown an older one. */
function refuseFuture(current: number, wanted: number): void {
  if (wanted <= current) return;
  const message = `Timeout: Too large resource version: ${wanted}, current: ${current}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  throw new ApiError(504, 'Timeout', { message, details: { retryAfterSeconds: 1, causes } });
}

const keyOf = (object: KubeObject): string => objectKey(object.metadata.namespace, object.metadata.name);

function parseToken(token: string): [string, string] {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as [string, string];
  } catch {
    throw expired('The continue parameter was not made by this server.');
  }
}
