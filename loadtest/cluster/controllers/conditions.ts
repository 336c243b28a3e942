import { at, type JsonObject } from '../api/object.ts';

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
