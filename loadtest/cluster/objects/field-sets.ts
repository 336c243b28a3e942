import { isObject, type Json, type JsonObject } from './object.ts';

/** How a list or map merges: whole, as a set of values, or item by item with keys. `default`: maps by member, lists whole. */
export type Merge = 'default' | 'atomic' | 'set' | { keys: string[]; atomicItems?: boolean };

/** Looks up the merge rule of a path, given its plain member names (list items add no name). */
export type Shape = (fields: readonly string[]) => Merge;

/** A field as FieldsV1 names it, elements joined by a line feed: `f:spec`, `k:{"name":"a"}`, `v:"x"`. */
export type FieldPath = string;
const join = (elements: readonly string[]): FieldPath => elements.join('\n');
export const elementsOf = (path: FieldPath): string[] => path.split('\n');

interface Place {
  elements: string[];
  fields: string[];
}
const member = ({ elements, fields }: Place, name: string): Place => ({
  elements: [...elements, `f:${name}`],
  fields: [...fields, name],
});

/** The FieldsV1 element of a list item under a keyed rule; a missing protocol is TCP, as the API's schema says. */
export function itemElement(item: Json, keys: readonly string[]): string {
  const pairs = [...keys].toSorted().map((key) => {
    const value = isObject(item) ? item[key] : undefined;
    return [key, value ?? (key === 'protocol' ? 'TCP' : null)];
  });
  return `k:${JSON.stringify(Object.fromEntries(pairs))}`;
}

/** Every field of a value with its content as JSON; items of keyed lists count as fields of their own (content ""). */
export function indexFields(value: JsonObject, shape: Shape): Map<FieldPath, string> {
  const index = new Map<FieldPath, string>();
  const leaf = (place: Place, content: Json): void => void index.set(join(place.elements), canonical(content));
  const visit = (current: Json, place: Place): void => {
    const rule = shape(place.fields);
    if (Array.isArray(current) && rule === 'set') {
      for (const item of current) index.set(join([...place.elements, `v:${JSON.stringify(item)}`]), '');
    } else if (Array.isArray(current) && typeof rule === 'object') {
      for (const item of current) {
        const inside = { elements: [...place.elements, itemElement(item, rule.keys)], fields: place.fields };
        index.set(join(inside.elements), rule.atomicItems === true ? canonical(item) : '');
        if (isObject(item) && rule.atomicItems !== true) members(item, inside);
      }
    } else if (isObject(current) && rule !== 'atomic' && Object.keys(current).length > 0) {
      members(current, place);
    } else leaf(place, current);
  };
  const members = (object: JsonObject, place: Place): void => {
    for (const [name, child] of Object.entries(object)) if (child !== undefined) visit(child, member(place, name));
  };
  members(value, { elements: [], fields: [] });
  return index;
}

/** JSON with sorted members: equal content gives equal text. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isObject(item) ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

/** Lays `patch` over `live`: members and keyed items merge, everything else is replaced. */
export function mergeFields(live: JsonObject, patch: JsonObject, shape: Shape): JsonObject {
  const merge = (old: Json | undefined, next: Json, fields: string[]): Json => {
    const rule = shape(fields);
    if (isObject(old) && isObject(next) && rule !== 'atomic') return object(old, next, fields);
    if (!Array.isArray(old) || !Array.isArray(next)) return next;
    if (rule === 'set') return [...old, ...next.filter((item) => !old.includes(item))];
    if (typeof rule !== 'object') return next;
    const { keys } = rule;
    const byKey = new Map(next.map((item) => [itemElement(item, keys), item]));
    const kept = old.map((item) => {
      const over = byKey.get(itemElement(item, keys));
      byKey.delete(itemElement(item, keys));
      if (over === undefined) return item;
      return isObject(item) && isObject(over) && rule.atomicItems !== true ? object(item, over, fields) : over;
    });
    return [...kept, ...byKey.values()];
  };
  const object = (old: JsonObject, next: JsonObject, fields: string[]): JsonObject => {
    const result = { ...old };
    for (const [name, child] of Object.entries(next))
      if (child !== undefined) result[name] = merge(old[name], child, [...fields, name]);
    return result;
  };
  return object(live, patch, []);
}

/** Takes fields out; containers that become empty by it go too. Returns a new value. */
export function removeFields(value: JsonObject, paths: Iterable<FieldPath>): JsonObject {
  const result = structuredClone(value);
  for (const path of paths) removeOne(result, elementsOf(path));
  return result;
}

function removeOne(container: Json | undefined, elements: string[]): void {
  const [element = '', ...rest] = elements;
  const content = element.slice(2);
  if (Array.isArray(container)) {
    const position = container.findIndex((item) =>
      element.startsWith('v:') ? JSON.stringify(item) === content : itemElement(item, keysIn(content)) === element,
    );
    if (position >= 0 && rest.length === 0) container.splice(position, 1);
    else if (position >= 0) removeOne(container[position], rest);
  } else if (isObject(container)) {
    if (rest.length === 0) return void delete container[content];
    const child = container[content];
    removeOne(child, rest);
    const size = Array.isArray(child) ? child.length : isObject(child) ? Object.keys(child).length : 1;
    if (size === 0) delete container[content];
  }
}

const keysIn = (content: string): string[] => Object.keys(JSON.parse(content) as JsonObject);

/** A set of fields as `metadata.managedFields[].fieldsV1` shows it. */
export function toFieldsV1(paths: Iterable<FieldPath>): JsonObject {
  const root: JsonObject = {};
  for (const path of [...paths].toSorted()) {
    let node = root;
    for (const element of elementsOf(path)) {
      const next = node[element];
      node = isObject(next) ? next : (node[element] = {});
    }
    node['.'] = {};
  }
  return dropLoneDots(root);
}

function dropLoneDots(node: JsonObject): JsonObject {
  const names = Object.keys(node);
  if (names.length === 1 && names[0] === '.') return {};
  return Object.fromEntries(names.map((name) => [name, name === '.' ? {} : dropLoneDots(node[name] as JsonObject)]));
}

export function fromFieldsV1(tree: JsonObject): Set<FieldPath> {
  const paths = new Set<FieldPath>();
  const visit = (node: JsonObject, elements: string[]): void => {
    const names = Object.keys(node);
    if (elements.length > 0 && (names.length === 0 || names.includes('.'))) paths.add(join(elements));
    for (const name of names) if (name !== '.') visit(node[name] as JsonObject, [...elements, name]);
  };
  visit(tree, []);
  return paths;
}

/** A field as people read it: `.spec.containers[name="a"].image`. */
export function showField(path: FieldPath): string {
  return elementsOf(path)
    .map((element) => {
      const content = element.slice(2);
      if (element.startsWith('f:')) return `.${content}`;
      if (element.startsWith('v:')) return `[=${content}]`;
      const keys = Object.entries(JSON.parse(content) as JsonObject);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
