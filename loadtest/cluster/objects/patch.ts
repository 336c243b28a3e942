import { ApiError, badRequest, notServed } from './api-error.ts';
import { at, isObject, type Json, type JsonObject } from './object.ts';

/** RFC 7386: members merge, null removes, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (value !== undefined) result[name] = mergePatch(result[name], value);
  }
  return result;
}

/**
 * RFC 6902 with test, add, replace and remove.
 * @throws ApiError 422 when a test fails or a path is missing, 501 for move and copy.
 */
export function jsonPatch(target: JsonObject, patch: Json): JsonObject {
  if (!Array.isArray(patch)) throw badRequest('A JSON patch is a list of operations.');
  const root: JsonObject = structuredClone(target);
  for (const step of patch) {
    if (!isObject(step) || typeof step['path'] !== 'string') throw badRequest('A JSON patch operation needs a path.');
    const names = step['path'].split('/').slice(1);
    const decoded = names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    jsonPatchStep(root, { op: String(step['op']), path: decoded, value: step['value'] ?? null });
  }
  return root;
}

function jsonPatchStep(root: JsonObject, { op, path, value }: { op: string; path: string[]; value: Json }): void {
  const last = path.at(-1) ?? '';
  const parent = at(root, ...path.slice(0, -1));
  const current = at(parent, last);
  const missing = (): ApiError =>
    new ApiError(422, 'Invalid', { message: `The JSON patch path /${path.join('/')} does not exist.` });
  if (!isObject(parent) && !Array.isArray(parent)) throw missing();
  if (op !== 'add' && current === undefined) throw missing();
  if (op === 'test') {
    if (JSON.stringify(current) === JSON.stringify(value)) return;
    throw new ApiError(422, 'Invalid', { message: `The JSON patch test of /${path.join('/')} failed.` });
  }
  if (op !== 'add' && op !== 'replace' && op !== 'remove') throw notServed(`the JSON patch operation "${op}"`);
  if (!Array.isArray(parent)) {
    if (op === 'remove') delete parent[last];
    else parent[last] = value;
    return;
  }
  const position = last === '-' ? parent.length : Number(last);
  if (op === 'remove') parent.splice(position, 1);
  else parent.splice(position, op === 'add' ? 0 : 1, value);
}
