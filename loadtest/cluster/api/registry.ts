import { isDeepStrictEqual } from 'node:util';
import { admitByPolicies, admitIntoNamespace, admitObject } from './admission.ts';
import { alreadyExists, badRequest, notFound } from '../objects/api-error.ts';
import { refuseUndeclared } from '../objects/crd-schema.ts';
import { apiVersionOf, builtin, builtinKinds, kindOfCrd, type KindInfo } from '../objects/kinds.ts';
import { applyFields, trackUpdate, type Writer } from '../objects/managed-fields.ts';
import type { JsonObject, KubeObject } from '../objects/object.ts';
import { planDelete, type DeleteOptions } from './plan-delete.ts';
import { checkApply, checkDelete, checkUpdate } from './preconditions.ts';
import {
  configForDoor,
  isEnded,
  newborn,
  refuseNewFinalizers,
  throughDoor,
  type Subresource,
} from './prepare-write.ts';
import type { Store } from './store.ts';

/** Which object a request is about. */
export interface Target {
  kind: KindInfo;
  namespace?: string | undefined;
  name: string;
}

/** Who writes; `status` goes through the status subresource and changes nothing else. */
export interface WriteOptions {
  manager: string;
  subresource?: Subresource;
}

/** Every write of a client or controller goes through here: preconditions, admission, ownership of fields, storage. */
export class Registry {
  readonly store: Store;
  readonly newUid: () => string;
  readonly #now: () => number;
  /** Kinds by the definition they were read from; a changed definition is another object. */
  readonly #custom = new WeakMap<KubeObject, KindInfo>();

  /** `now`: wall clock, milliseconds. */
  constructor({ store, now, newUid }: { store: Store; now: () => number; newUid: () => string }) {
    this.store = store;
    this.newUid = newUid;
    this.#now = now;
  }

  /** The time as Kubernetes writes it: ISO, whole seconds. */
  now(): string {
    return `${new Date(this.#now()).toISOString().slice(0, 19)}Z`;
  }

  /** Built-in kinds and those that a CustomResourceDefinition declares. */
  kinds(): KindInfo[] {
    const crds = this.store.list(builtin('apiextensions.k8s.io/customresourcedefinitions'));
    return [...builtinKinds.values(), ...crds.map((crd) => this.kindDeclaredBy(crd))];
  }

  kindDeclaredBy(crd: KubeObject): KindInfo {
    const kind = this.#custom.get(crd) ?? kindOfCrd(crd);
    this.#custom.set(crd, kind);
    return kind;
  }

  get({ kind, namespace, name }: Target): KubeObject {
    const found = this.store.get(kind, namespace, name);
    if (found === undefined) throw notFound(kind, name);
    return found;
  }

  create(kind: KindInfo, object: KubeObject, options: WriteOptions): KubeObject {
    const { name, namespace, resourceVersion } = object.metadata;
    if (this.store.get(kind, namespace, name) !== undefined) throw alreadyExists(kind, name);
    if (resourceVersion !== undefined) throw badRequest('resourceVersion should not be set on objects to be created');
    const born = this.#admitNew(kind, object);
    const tracked = trackUpdate(undefined, born, { shape: kind.shape, writer: this.#writer(kind, options) });
    return this.store.put(kind, tracked);
  }

  /** Replaces what `change` makes of the live object. A change of nothing writes nothing. */
  update(target: Target, change: (live: KubeObject) => KubeObject, options: WriteOptions): KubeObject {
    const { kind } = target;
    const live = this.get(target);
    const wanted = change(live);
    checkUpdate(kind, live, wanted.metadata);
    const next = this.#admitChange(kind, live, { wanted, subresource: options.subresource });
    return this.#replace(
      kind,
      live,
      trackUpdate(live, next, { shape: kind.shape, writer: this.#writer(kind, options) }),
    );
  }

  /** Server-side apply; `created` tells the answer's status code. */
  apply(
    { kind, name, namespace }: Target,
    config: KubeObject,
    options: WriteOptions & { force: boolean },
  ): { object: KubeObject; created: boolean } {
    const { subresource } = options;
    const live = this.store.get(kind, namespace, name);
    checkApply(kind, live, config.metadata);
    if (live === undefined && subresource !== undefined) throw notFound(kind, name);
    if (kind.schema !== undefined) refuseUndeclared(kind.schema, config);
    const how = { shape: kind.shape, writer: this.#writer(kind, options), force: options.force };
    const merged = applyFields(live, configForDoor(kind, config, subresource), how);
    if (live === undefined) return { object: this.store.put(kind, this.#admitNew(kind, merged)), created: true };
    const next = this.#admitChange(kind, live, { wanted: merged, subresource });
    const managedFields = merged.metadata.managedFields ?? [];
    const tracked = { ...next, metadata: { ...next.metadata, managedFields } };
    return { object: this.#replace(kind, live, tracked), created: false };
  }

  /** Deletes, or marks for deletion where finalizers or a grace period stand in between. Gives the last state. */
  delete(target: Target, options: DeleteOptions): { object: KubeObject; gone: boolean } {
    const { kind } = target;
    const live = this.get(target);
    checkDelete(kind, live, options);
    const plan = planDelete(kind, live, { ...options, now: this.#now() });
    if (plan.gone) return { object: this.store.remove(kind, live), gone: true };
    return { object: plan.object === live ? live : this.store.put(kind, plan.object), gone: false };
  }

  /** Binds a pod to a node and gives it status; the only change of a pod's spec that there is. */
  bind(pod: KubeObject, nodeName: string, status: JsonObject): void {
    this.store.put(builtin('/pods'), { ...pod, spec: { ...pod.spec, nodeName }, status });
  }

  #admitNew(kind: KindInfo, object: KubeObject): KubeObject {
    admitIntoNamespace(kind, object, this.store);
    const born = newborn(kind, object, { uid: this.newUid(), now: this.now() });
    const next = admitObject({ kind, live: undefined, next: born, subresource: undefined });
    admitByPolicies({ kind, live: undefined, next, subresource: undefined }, this.store);
    return next;
  }

  #admitChange(kind: KindInfo, live: KubeObject, write: { wanted: KubeObject; subresource: Subresource }): KubeObject {
    const { subresource } = write;
    const next = admitObject({ kind, live, next: throughDoor(kind, live, write), subresource });
    refuseNewFinalizers(kind, live, next);
    admitByPolicies({ kind, live, next, subresource }, this.store);
    const { generation } = live.metadata;
    if (generation === undefined || isDeepStrictEqual(wishOf(live), wishOf(next))) return next;
    return { ...next, metadata: { ...next.metadata, generation: generation + 1 } };
  }

  #replace(kind: KindInfo, live: KubeObject, next: KubeObject): KubeObject {
    if (isDeepStrictEqual(plain(live), plain(next))) return live;
    const stored = this.store.put(kind, next);
    if (isEnded(kind, stored)) this.store.remove(kind, stored);
    return stored;
  }

  #writer(kind: KindInfo, { manager, subresource }: WriteOptions): Writer {
    const writer = { manager, apiVersion: apiVersionOf(kind), time: this.now() };
    return subresource === undefined ? writer : { ...writer, subresource };
  }
}

/** Without members that are undefined, as on the wire. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Everything that counts as a change of the wish: all but metadata and status. */
const wishOf = ({ metadata: _m, status: _s, ...rest }: KubeObject): unknown => plain(rest);
