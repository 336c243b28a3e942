import { describe, expect, it } from 'vitest';
import { gateway, gatewayClass } from '../manifests/gateway.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { classStatus, gatewayStatus, type GatewayFacts } from './gateway-status.ts';

const now = Date.UTC(2026, 0, 1);
const live = (object: KubeObject, status?: object): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, generation: 1 },
  ...(status && { status }),
});
const route = (...listeners: string[]): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'endpoint' },
  spec: { parentRefs: listeners.map((sectionName) => ({ name: 'fairway', sectionName })) },
});
/** Facts with routers that have applied these revisions; null is not heard. */
const facts = (applied: readonly (number | null)[], parts: Partial<GatewayFacts> = {}): GatewayFacts => ({
  routes: [],
  registered: applied.length,
  behind: (revision) => applied.flatMap((at, index) => ((at ?? -1) < revision ? [`router-${index}`] : [])),
  revision: 10,
  now,
  ...parts,
});
const programmed = (given: GatewayFacts, status?: object) => gatewayStatus(live(gateway('*.test'), status), given);

describe('the status of the Gateway', () => {
  it('counts each listener’s routes', () => {
    const routes = [route('private'), route('private', 'public')];
    expect(programmed(facts([10], { routes }))).toMatchObject({
      conditions: [
        { type: 'Accepted', status: 'True' },
        { type: 'Programmed', status: 'True', observedGeneration: 1 },
      ],
      listeners: [
        { name: 'public', attachedRoutes: 1 },
        { name: 'private', attachedRoutes: 2 },
      ],
    });
  });

  it.each([
    ['there is no router', [], 'No router is registered.'],
    ['one is behind', [10, 9], 'router-1'],
    ['one is not heard', [null, 10], 'router-0'],
  ])('is not programmed while %s', (_, applied, message) => {
    const pending = {
      type: 'Programmed',
      status: 'False',
      reason: 'Pending',
      message: expect.stringContaining(message),
    };
    expect(programmed(facts(applied))).toMatchObject({ conditions: [{}, pending] });
  });

  it('is not written again while nothing changes, nor for each revision that routers have yet to apply', () => {
    const status = programmed(facts([10]));
    expect(programmed(facts([10], { now: now + 1 }), status)).toBeUndefined();
    expect(programmed(facts([10], { revision: 11 }), status)).toBeUndefined();
    const lost = { status: 'False', lastTransitionTime: new Date(now + 1).toISOString() };
    expect(programmed(facts([null], { now: now + 1 }), status)).toMatchObject({
      conditions: [{ status: 'True' }, lost],
    });
  });

  it('accepts the class once', () => {
    const status = classStatus(live(gatewayClass()), { now });
    expect(status).toMatchObject({ conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted' }] });
    expect(classStatus(live(gatewayClass(), status), { now: now + 1 })).toBeUndefined();
  });
});
