import { kinds } from '../kube/kinds.ts';
import type { KubeKind } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { controllerName, gatewayRef } from '../manifests/gateway.ts';
import { withTimes, type Condition } from '../manifests/conditions.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { covers } from './covers.ts';
import { seen } from './plan-workloads.ts';
import type { Step } from './step.ts';

/** What one controller says of an object under one parent. */
interface ParentStatus {
  parentRef: object;
  controllerName: string;
  conditions: Condition[];
}

/**
 * Says of an endpoint's HTTPRoute and InferencePools what the Gateway API asks of who implements it. Entries of other
 * controllers, which share the status, stay as they are; a pool that no route refers to has no entry of ours. Pure.
 */
export function planRouteStatus({ children, now }: Pick<ObservedState, 'children' | 'now'>): Step[] {
  const ofKind = ({ kind }: KubeKind): KubeObject[] => children.filter((child) => child.kind === kind);
  const [routes, pools] = [ofKind(kinds.httpRoute), ofKind(kinds.inferencePool)];
  const known = new Set(pools.map(({ metadata }) => metadata.name));
  return [
    ...routes.flatMap((route) => stepFor(route, kinds.httpRoute, { parents: routeParents(route, known), now })),
    ...pools.flatMap((pool) => {
      const used = routes.some((route) => backendsOf(route).includes(pool.metadata.name));
      const resolved = { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '' } as const;
      const ours = entry(gatewayRef, [accepted, resolved], pool);
      return stepFor(pool, kinds.inferencePool, { parents: used ? [ours] : [], now });
    }),
  ];
}

const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' } as const;

function routeParents(route: KubeObject, known: ReadonlySet<string>): ParentStatus[] {
  const missing = backendsOf(route).filter((name) => !known.has(name));
  const resolved =
    missing.length === 0
      ? ({ type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '' } as const)
      : ({
          type: 'ResolvedRefs',
          status: 'False',
          reason: 'BackendNotFound',
          message: `There is no InferencePool ${missing.join(', ')} yet.`,
        } as const);
  const { parentRefs = [] } = route['spec'] as { parentRefs?: object[] };
  return parentRefs.map((parentRef) => entry(parentRef, [accepted, resolved], route));
}

function entry(
  parentRef: object,
  conditions: Omit<Condition, 'observedGeneration'>[],
  about: KubeObject,
): ParentStatus {
  const { generation: observedGeneration = 0 } = about.metadata;
  return { parentRef, controllerName, conditions: conditions.map((each) => ({ ...each, observedGeneration })) };
}

function backendsOf(route: KubeObject): string[] {
  const { rules = [] } = route['spec'] as { rules?: { backendRefs?: { name: string }[] }[] };
  return rules.flatMap(({ backendRefs = [] }) => backendRefs.map(({ name }) => name));
}

function stepFor(
  object: KubeObject,
  kind: KubeKind,
  { parents, now }: { parents: readonly ParentStatus[]; now: number },
): Step[] {
  const { parents: live = [] } = (object['status'] ?? {}) as { parents?: ParentStatus[] };
  const others = live.filter((parent) => parent.controllerName !== controllerName);
  const ours = live.filter((parent) => parent.controllerName === controllerName);
  if (covers(ours, parents)) return [];
  const timed = parents.map((parent) => {
    const before = ours.find(({ parentRef }) => covers(parentRef, parent.parentRef));
    return { ...parent, conditions: withTimes(parent.conditions, before?.conditions ?? [], now) };
  });
  const why = 'who looks at the Gateway API is told what our routers make of it';
  return [{ kind: 'patch-status', seen: seen(object, kind), status: { parents: [...others, ...timed] }, why }];
}
