import { randomUUID } from 'node:crypto';
import { silentLogger } from '#shared/runtime/log.ts';
import { kindOf, pathOf, type KubeKind, type Target } from './kinds.ts';
import { KubeError, isGone } from './kube-error.ts';
import { isKubeObject, type KubeObject } from './kube-object.ts';
import { KubeTransport, type TransportOptions } from './kube-transport.ts';
import { loadKubeconfig, type KubeAccess } from './kubeconfig.ts';
import { readWatchEvents, type WatchEvent } from './watch-events.ts';

/** One object of a kind; `namespace` is required for namespaced kinds. */
export interface Named {
  name: string;
  namespace?: string | undefined;
}

/** Which objects a list or watch covers; no namespace = all of them. */
export interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
}

/** Cancels the call; the promise then rejects with the signal's reason. */
export interface Cancellable {
  signal?: AbortSignal | undefined;
}

/** A complete list, whole at `resourceVersion`. Items carry their apiVersion and kind. */
export interface KubeList {
  items: KubeObject[];
  resourceVersion: string;
}

/** Server-side apply. With `uid` or `resourceVersion` the server refuses (409) unless the live object has them. */
export interface ApplyOptions extends Cancellable {
  fieldManager?: string;
  /** Take over fields that another manager owns (default true); without it that is a 409 FieldManagerConflict. */
  force?: boolean;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
}

/** A delete. Without preconditions it takes whatever object has the name now. */
export interface DeleteOptions extends Cancellable {
  preconditions: { uid?: string; resourceVersion?: string };
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

/** Bounds, dependencies and identity of a client; everything has a default. */
export interface KubeClientOptions extends Partial<TransportOptions> {
  context?: string | undefined;
  /** Field manager of `apply`; `applyStatus` uses `<fieldManager>-status`. */
  fieldManager?: string;
  /** Objects per page of a list. */
  pageSize?: number;
  /** Largest single event of a watch. */
  eventBytesMax?: number;
}

/** Connects lazily: reads the kubeconfig, opens no socket yet. @throws a sentence when the kubeconfig is unusable. */
export async function connectKube(kubeconfigPath: string, options: KubeClientOptions = {}): Promise<KubeClient> {
  return new KubeClient(await loadKubeconfig(kubeconfigPath, { context: options.context }), options);
}

/** The calls to Kubernetes that steps make; a test may stand in between. */
export type KubeWrites = Pick<KubeClient, 'get' | 'apply' | 'applyStatus' | 'patch' | 'delete'>;

/** Times that a list is begun anew after its continue token expired, before the caller gets the 410. */
const listRestartsMax = 3;

/** Plain JSON to one API server. Every method throws KubeError, or the signal's reason when the caller gave up. */
export class KubeClient implements AsyncDisposable {
  readonly #transport: KubeTransport;
  readonly #fieldManager: string;
  readonly #pageSize: number;
  readonly #eventBytesMax: number;

  constructor(access: KubeAccess, options: KubeClientOptions = {}) {
    this.#fieldManager = options.fieldManager ?? 'fairway-provisioner';
    this.#pageSize = options.pageSize ?? 500;
    this.#eventBytesMax = options.eventBytesMax ?? 8 * 1024 * 1024;
    this.#transport = new KubeTransport(access, {
      log: options.log ?? silentLogger(),
      requestTimeoutMs: options.requestTimeoutMs ?? 15_000,
      connectionsMax: options.connectionsMax ?? 8,
      watchesMax: options.watchesMax ?? 32,
      pendingMax: options.pendingMax ?? 1_000,
      responseBytesMax: options.responseBytesMax ?? 64 * 1024 * 1024,
      now: options.now ?? Date.now,
      newRequestId: options.newRequestId ?? randomUUID,
      onCall: options.onCall,
    });
  }

  /** Reads one object from the server's newest state. */
  async get(kind: KubeKind, target: Named, options: Cancellable = {}): Promise<KubeObject> {
    return asObject(await this.#transport.send({ method: 'GET', path: pathOf(kind, target), ...options }));
  }

  /** Reads all objects of a selection in pages; a 410 in mid-list begins anew. */
  async list(kind: KubeKind, options: Selection & Cancellable = {}): Promise<KubeList> {
    for (let restarts = 0; ; restarts += 1) {
      try {
        return await this.#listOnce(kind, options);
      } catch (error) {
        if (!isGone(error) || restarts >= listRestartsMax) throw error;
      }
    }
  }

  /** Streams changes after `resourceVersion`, bookmarks included, until the server ends it; leaving the loop closes it. */
  async *watch(
    kind: KubeKind,
    options: Selection & Cancellable & { resourceVersion: string; timeoutSeconds: number },
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const { resourceVersion, timeoutSeconds, labelSelector, signal } = options;
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds, labelSelector };
    const path = pathOf(kind, { namespace: options.namespace });
    yield* readWatchEvents(this.#transport.stream({ method: 'GET', path, query, signal }), this.#eventBytesMax);
  }

  /** Creates an object. @throws KubeError 409 AlreadyExists. */
  async create(object: KubeObject, options: Cancellable = {}): Promise<KubeObject> {
    const path = pathOf(kindOf(object), { namespace: object.metadata.namespace });
    const query = { fieldManager: this.#fieldManager };
    return asObject(
      await this.#transport.send({ method: 'POST', path, query, contentType: json, body: object, ...options }),
    );
  }

  /** Server-side apply of the full intent; creates what is not there (unless a uid is given: then 409). */
  apply(object: KubeObject, options: ApplyOptions = {}): Promise<KubeObject> {
    return this.#apply(object, { fieldManager: this.#fieldManager, ...options });
  }

  /** Server-side apply of `status`, by a manager of its own. */
  applyStatus(object: KubeObject, options: ApplyOptions = {}): Promise<KubeObject> {
    return this.#apply(object, { fieldManager: `${this.#fieldManager}-status`, ...options }, 'status');
  }

  /** JSON merge patch (RFC 7386): null removes a field, a list replaces the whole list. */
  async patch(
    kind: KubeKind,
    target: Named & Pick<Target, 'subresource'>,
    change: { patch: object } & Cancellable,
  ): Promise<KubeObject> {
    const query = { fieldManager: this.#fieldManager };
    const { patch: body, signal } = change;
    return asObject(
      await this.#transport.send({
        method: 'PATCH',
        path: pathOf(kind, target),
        query,
        contentType: mergePatch,
        body,
        signal,
      }),
    );
  }

  /**
   * Deletes one object under preconditions; resolves once the server accepted it. Gives the object as it is then, if something
   * still holds it (finalizers, a grace period).
   */
  async delete(kind: KubeKind, target: Named, options: DeleteOptions): Promise<KubeObject | undefined> {
    const { preconditions, propagation, gracePeriodSeconds, signal } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions,
      propagationPolicy: propagation ?? 'Background',
      gracePeriodSeconds,
    };
    const path = pathOf(kind, target);
    const left = await this.#transport.send({ method: 'DELETE', path, contentType: json, body, signal });
    return isKubeObject(left) && left.kind === kind.kind ? left : undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#transport[Symbol.asyncDispose]();
  }

  async #apply(object: KubeObject, options: ApplyOptions, subresource?: 'status'): Promise<KubeObject> {
    const { fieldManager, force, uid, resourceVersion, signal } = options;
    const { namespace, name } = object.metadata;
    const preconditions = {
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    };
    const body = { ...object, metadata: { ...object.metadata, ...preconditions } };
    const path = pathOf(kindOf(object), { namespace, name, subresource });
    const query = { fieldManager, force: force ?? true };
    return asObject(
      await this.#transport.send({ method: 'PATCH', path, query, contentType: serverSideApply, body, signal }),
    );
  }

  async #listOnce(kind: KubeKind, options: Selection & Cancellable): Promise<KubeList> {
    const path = pathOf(kind, { namespace: options.namespace });
    const items: KubeObject[] = [];
    let resourceVersion: string | undefined;
    let token: string | undefined;
    do {
      const query = { limit: this.#pageSize, continue: token, labelSelector: options.labelSelector };
      const page = asPage(await this.#transport.send({ method: 'GET', path, query, signal: options.signal }));
      // The server leaves apiVersion and kind out of list items of built-in kinds.
      for (const item of page.items ?? []) items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
      resourceVersion ??= page.metadata.resourceVersion;
      token = page.metadata.continue;
    } while (token !== undefined && token !== '');
    return { items, resourceVersion };
  }
}

const json = 'application/json';
const mergePatch = 'application/merge-patch+json';
/** JSON is YAML; the server has no `+json` variant of this type. */
const serverSideApply = 'application/apply-patch+yaml';

/** A page of a list as the server sends it; `items` is null where Go had an empty slice. */
interface Page {
  items: KubeObject[] | null;
  metadata: { resourceVersion: string; continue?: string };
}

function asPage(value: unknown): Page {
  if (isPage(value)) return value;
  throw new KubeError({ status: 0, reason: 'BadResponse', message: 'list: the answer is not a Kubernetes list' });
}

function isPage(value: unknown): value is Page {
  if (!isKubeObject(value) || typeof value.metadata.resourceVersion !== 'string') return false;
  const items = value['items'];
  return items === null || (Array.isArray(items) && items.every(isKubeObject));
}

function asObject(value: unknown): KubeObject {
  if (isKubeObject(value) && typeof value.metadata.name === 'string') return value;
  throw new KubeError({ status: 0, reason: 'BadResponse', message: 'the answer is not a Kubernetes object' });
}
