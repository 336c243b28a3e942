import type { KubeObject } from '../kube/kube-object.ts';
import { withTimes, type Condition } from '../manifests/conditions.ts';
import { gatewayRef } from '../manifests/gateway.ts';
import { covers } from '../plan/covers.ts';

/** What the status of class and Gateway is made from. */
export interface GatewayFacts {
  /** HTTPRoutes of endpoints. */
  routes: readonly KubeObject[];
  registered: number;
  /** Registered routers that are not known to have applied this revision of bucket `edge`. */
  behind: (revision: number) => string[];
  /** Newest revision of the VPC's pool documents. */
  revision: number;
  now: number;
}

interface GatewayStatus {
  conditions?: (Condition & { lastTransitionTime: string })[];
  listeners?: { name: string; conditions?: (Condition & { lastTransitionTime: string })[] }[];
}

/** What has to be written of the class's status; undefined when it says so already. Pure. */
export function classStatus(live: KubeObject, { now }: Pick<GatewayFacts, 'now'>): object | undefined {
  const { conditions: before = [] } = (live['status'] ?? {}) as GatewayStatus;
  const conditions = [is('Accepted', true, { live })];
  return covers(before, conditions) ? undefined : { conditions: withTimes(conditions, before, now) };
}

/**
 * What has to be written of the Gateway's status; undefined when it says so already. It is programmed once every registered
 * router has applied what the VPC's newest pool document says, and stays so while all of them are heard. Pure.
 */
export function gatewayStatus(live: KubeObject, facts: GatewayFacts): object | undefined {
  const { routes, registered, behind, revision, now } = facts;
  const before = (live['status'] ?? {}) as GatewayStatus;
  const was = { type: 'Programmed', status: 'True', observedGeneration: live.metadata.generation };
  const settled = before.conditions?.some((condition) => covers(condition, was)) ?? false;
  const late = behind(settled ? 0 : revision);
  const message =
    registered === 0 ? 'No router is registered.' : `Not heard, or behind: ${late.slice(0, 8).join(', ')}.`;
  const programmed = is('Programmed', registered > 0 && late.length === 0, { live, reason: 'Pending', message });
  const { listeners } = live['spec'] as { listeners: { name: string }[] };
  const conditions = [is('Accepted', true, { live }), programmed];
  const planned = listeners.map(({ name }) => ({
    name,
    supportedKinds: [{ group: gatewayRef.group, kind: 'HTTPRoute' }],
    attachedRoutes: routes.filter((route) => refersTo(route, name)).length,
    conditions: [...conditions, is('ResolvedRefs', true, { live })],
  }));
  if (covers(before, { conditions, listeners: planned })) return undefined;
  return {
    conditions: withTimes(conditions, before.conditions ?? [], now),
    listeners: planned.map((listener) => {
      const known = before.listeners?.find(({ name }) => name === listener.name)?.conditions ?? [];
      return { ...listener, conditions: withTimes(listener.conditions, known, now) };
    }),
  };
}

/** A condition whose reason is its own name while it is true. */
function is(
  type: string,
  yes: boolean,
  { live, reason = type, message = '' }: { live: KubeObject; reason?: string; message?: string },
): Condition {
  const { generation: observedGeneration = 0 } = live.metadata;
  if (yes) return { type, status: 'True', reason: type, message: '', observedGeneration };
  return { type, status: 'False', reason, message, observedGeneration };
}

function refersTo(route: KubeObject, listener: string): boolean {
  const { parentRefs = [] } = route['spec'] as { parentRefs?: { sectionName?: string }[] };
  return parentRefs.some(({ sectionName }) => sectionName === listener);
}
