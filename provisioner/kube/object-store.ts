import { compareVersions, objectKey, type KubeObject } from './kube-object.ts';
import type { WatchEvent } from './watch-events.ts';

/** What happened to one object, whether it was watched or found out at a list. */
export type Change =
  | { type: 'added'; new: KubeObject }
  | { type: 'changed'; old: KubeObject; new: KubeObject }
  | { type: 'deleted'; old: KubeObject };

/** Read side of a store. The objects are shared: treat them as read-only. */
export interface ObjectView {
  readonly size: number;
  get(target: { namespace?: string; name: string }): KubeObject | undefined;
  list(): KubeObject[];
  /** Objects whose `indexBy` gave this value. */
  indexed(value: string): KubeObject[];
}

/** The objects of one kind as last seen, with one optional index. No I/O: the reflector feeds it. */
export class ObjectStore implements ObjectView {
  readonly #objects = new Map<string, KubeObject>();
  readonly #index = new Map<string, Map<string, KubeObject>>();
  readonly #indexBy: (object: KubeObject) => string | undefined;

  constructor(indexBy: (object: KubeObject) => string | undefined = () => undefined) {
    this.#indexBy = indexBy;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(target: { namespace?: string; name: string }): KubeObject | undefined {
    return this.#objects.get(objectKey({ metadata: target }));
  }

  list(): KubeObject[] {
    return [...this.#objects.values()];
  }

  indexed(value: string): KubeObject[] {
    return [...(this.#index.get(value)?.values() ?? [])];
  }

  /** Takes one watch event; an event older than what is stored changes nothing. */
  take(event: WatchEvent): Change[] {
    if (event.type === 'BOOKMARK') return [];
    const known = this.#objects.get(objectKey(event.object));
    if (known !== undefined && compareVersions(versionOf(event.object), versionOf(known)) < 0) return [];
    return event.type === 'DELETED' ? this.#remove(event.object) : this.#put(event.object);
  }

  /** Takes a complete list: what is missing in it has been deleted, whether or not an event said so. */
  replace(items: KubeObject[]): Change[] {
    const present = new Set(items.map(objectKey));
    const gone = this.list().filter((object) => !present.has(objectKey(object)));
    return [...gone.flatMap((object) => this.#remove(object)), ...items.flatMap((object) => this.#put(object))];
  }

  #put(object: KubeObject): Change[] {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    if (old !== undefined && old.metadata.uid === object.metadata.uid && versionOf(old) === versionOf(object))
      return [];
    if (old !== undefined) this.#unindex(key, old);
    this.#objects.set(key, object);
    this.#enter(key, object);
    if (old === undefined) return [{ type: 'added', new: object }];
    if (old.metadata.uid === object.metadata.uid) return [{ type: 'changed', old, new: object }];
    return [
      { type: 'deleted', old },
      { type: 'added', new: object },
    ];
  }

  #remove(object: KubeObject): Change[] {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    if (old === undefined) return [];
    this.#unindex(key, old);
    this.#objects.delete(key);
    return [{ type: 'deleted', old }];
  }

  #enter(key: string, object: KubeObject): void {
    const value = this.#indexBy(object);
    if (value === undefined) return;
    const group = this.#index.get(value) ?? new Map<string, KubeObject>();
    this.#index.set(value, group.set(key, object));
  }

  #unindex(key: string, object: KubeObject): void {
    const value = this.#indexBy(object);
    const group = value === undefined ? undefined : this.#index.get(value);
    if (value === undefined || group === undefined) return;
    group.delete(key);
    if (group.size === 0) this.#index.delete(value);
  }
}

function versionOf(object: KubeObject): string | undefined {
  return object.metadata.resourceVersion;
}
