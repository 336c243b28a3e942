import { createHash } from 'node:crypto';
import { builtin } from '../objects/kinds.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Registry } from '../api/registry.ts';

/** Events kept in the whole cluster; the oldest go first. */
const eventsMax = 1000;

export interface EventNote {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** The Event object of a note; the same note about the same object has the same name, and is told once. */
export function eventOf(about: KubeObject, note: EventNote, now: string): KubeObject {
  const { name, namespace = 'default', uid = '' } = about.metadata;
  const hash = createHash('sha256').update(`${uid} ${note.reason} ${note.message}`).digest('hex').slice(0, 16);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${hash}`, namespace },
    involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid },
    ...note,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    source: { component: 'fairway-cluster' },
  };
}

export function recordEvent(registry: Registry, about: KubeObject, note: EventNote): void {
  const kind = builtin('/events');
  const event = eventOf(about, note, registry.now());
  if (registry.store.get(kind, event.metadata.namespace, event.metadata.name) !== undefined) return;
  registry.create(kind, event, { manager: note.reason });
  const all = registry.store.list(kind);
  if (all.length <= eventsMax) return;
  const oldest = all.toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))[0];
  if (oldest !== undefined) registry.store.remove(kind, oldest);
}
