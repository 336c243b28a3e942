import type { ServerResponse } from 'node:http';
import { ApiError, invalid } from '../objects/api-error.ts';
import { apiVersionOf, type KindInfo } from '../objects/kinds.ts';
import type { JsonObject, KubeObject } from '../objects/object.ts';
import { numberParam, requestTest } from '../objects/selectors.ts';
import type { Store, StoreEvent } from './store.ts';

/** Bytes that a watch may have waiting in its socket before it is cut, and the longest life of a watch. */
const backlogBytesMax = 16 * 1024 * 1024;
const lifeSecondsMax = 3600;

interface Watch {
  kind: KindInfo;
  response: ServerResponse;
  bookmarks: boolean;
  /** Only events after this revision; it may lie ahead. */
  after: number;
  passes: (object: KubeObject) => boolean;
  end: () => void;
}

/** What a watch request asks for. */
export interface WatchRequest {
  kind: KindInfo;
  namespace: string | undefined;
  query: URLSearchParams;
}

/** All open watches of a server. */
export class WatchHub implements Disposable {
  readonly #store: Store;
  readonly #watches = new Set<Watch>();
  readonly #unsubscribe: () => void;

  constructor(store: Store) {
    this.#store = store;
    this.#unsubscribe = store.subscribe((event) => {
      for (const watch of this.#watches) if (watch.kind.id === event.kindId) deliver(watch, event);
    });
  }

  /**
   * Streams events as lines of JSON until the client goes, the time is up or the backlog is too long.
   * A revision that is no longer kept gives one ERROR event with a 410 status, as the API server does.
   */
  open({ kind, namespace, query }: WatchRequest, response: ServerResponse): void {
    const matches = requestTest(query);
    const passes = (object: KubeObject): boolean =>
      (namespace === undefined || object.metadata.namespace === namespace) && matches(object);
    const bookmarks = query.get('allowWatchBookmarks') === 'true';
    const initial = query.get('sendInitialEvents') === 'true';
    const from = query.get('resourceVersion') ?? '';
    if (initial && query.get('resourceVersionMatch') !== 'NotOlderThan')
      throw forbiddenOption(kind, 'resourceVersionMatch is required when sendInitialEvents is set');
    const fromNow = initial || from === '' || from === '0';
    const after = numberParam(query, 'resourceVersion') ?? 0;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch: Watch = { kind, response, bookmarks, passes, after, end: () => response.end() };
    try {
      const past = fromNow ? [] : this.#store.eventsSince(kind, after);
      for (const event of past) deliver(watch, event);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      response.end(line('ERROR', error.toStatus()));
      return;
    }
    if (fromNow)
      for (const object of this.#store.list(kind, namespace)) if (passes(object)) send(watch, 'ADDED', object);
    if (initial && bookmarks) this.#bookmark(watch, { 'k8s.io/initial-events-end': 'true' });
    this.#keep(watch, numberParam(query, 'timeoutSeconds') ?? lifeSecondsMax);
  }

  /** Tells every watch that asked for it how far it is. */
  bookmarkAll(): void {
    for (const watch of this.#watches) if (watch.bookmarks) this.#bookmark(watch);
  }

  /** Cuts every connection without a word, as a dying proxy does. */
  dropAll(): number {
    const dropped = this.#watches.size;
    for (const { response } of this.#watches) response.destroy();
    return dropped;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    for (const watch of this.#watches) watch.end();
  }

  #keep(watch: Watch, timeoutSeconds: number): void {
    const timer = setTimeout(
      () => {
        if (watch.bookmarks) this.#bookmark(watch);
        watch.end();
      },
      Math.min(timeoutSeconds, lifeSecondsMax) * 1000,
    );
    this.#watches.add(watch);
    watch.response.once('close', () => {
      clearTimeout(timer);
      this.#watches.delete(watch);
    });
  }

  #bookmark(watch: Watch, annotations?: Record<string, string>): void {
    const { kind } = watch;
    const metadata = { resourceVersion: String(this.#store.revision), ...(annotations && { annotations }) };
    send(watch, 'BOOKMARK', { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata });
  }
}

const forbiddenOption = (kind: KindInfo, message: string): ApiError =>
  invalid(kind, '', [
    { reason: 'FieldValueForbidden', message: `Forbidden: ${message}`, field: 'resourceVersionMatch' },
  ]);

/** An object that enters or leaves the selection is added or deleted for that watch. */
function deliver(watch: Watch, { type, object, previous, revision }: StoreEvent): void {
  if (revision <= watch.after) return;
  const before = previous !== undefined && watch.passes(previous);
  const after = type !== 'DELETED' && watch.passes(object);
  if (before && after) send(watch, 'MODIFIED', object);
  else if (after) send(watch, 'ADDED', object);
  else if (before) send(watch, 'DELETED', object);
}

function send(watch: Watch, type: string, object: JsonObject): void {
  watch.response.write(line(type, object));
  if (watch.response.writableLength > backlogBytesMax) watch.response.destroy();
}

const line = (type: string, object: JsonObject): string => `${JSON.stringify({ type, object })}\n`;
