import { isDeepStrictEqual } from 'node:util';
import { at, type JsonObject, type KubeObject } from '../objects/object.ts';
import type { KindInfo } from '../objects/kinds.ts';
import type { Registry } from '../api/registry.ts';

export type Condition = { type: string; status: 'True' | 'False' | 'Unknown'; reason?: string; message?: string };

/** Sets a condition in a status; its transition time moves only when its status does. */
export function setCondition(status: JsonObject, condition: Condition, now: string): JsonObject {
  const all = Array.isArray(status['conditions']) ? status['conditions'] : [];
  const before = all.find((one) => at(one, 'type') === condition.type);
  const same = at(before, 'status') === condition.status;
  const lastTransitionTime = (same ? at(before, 'lastTransitionTime') : undefined) ?? now;
  const next: JsonObject = { ...condition, lastTransitionTime };
  const conditions = before === undefined ? [...all, next] : all.map((one) => (one === before ? next : one));
  return { ...status, conditions };
}

/** True only when the condition is there and says so. */
export function hasCondition(status: JsonObject | undefined, type: string): boolean {
  const all = status?.['conditions'];
  return Array.isArray(all) && all.some((one) => at(one, 'type') === type && at(one, 'status') === 'True');
}

/** Writes an object's status when it differs; most turns of a controller find nothing to write. */
export function writeStatus(
  registry: Registry,
  { kind, object }: { kind: KindInfo; object: KubeObject },
  write: { status: JsonObject; manager: string },
): void {
  if (isDeepStrictEqual(object.status, write.status)) return;
  const { name, namespace } = object.metadata;
  const options = { manager: write.manager, subresource: 'status' as const };
  registry.update({ kind, namespace, name }, (live) => ({ ...live, status: write.status }), options);
}
