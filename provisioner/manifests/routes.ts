import type { StatusDocument } from '#shared/contract/status.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { AppliedSpec } from './applied-spec.ts';
import { modelNames } from './engine-deployment.ts';
import { gatewayRef, type GatewayListener } from './gateway.ts';
import { labels, labelsOf, namespaceName, poolName } from './names.ts';
import type { Pool } from './pool-objects.ts';

/** Host names of an endpoint; the public one only where it is enabled. */
export type Hosts = NonNullable<StatusDocument['hosts']>;

/** The header in which a gateway that reads bodies says which model a request asks for. */
const modelHeader = 'X-Gateway-Model-Name';

/** The replicas of a pool for gateways: without a picker of endpoints, which Fairway's routers do not need. */
export function inferencePool({ endpointId, deployment, profile }: Pool): KubeObject {
  const { modelId } = deployment;
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: {
      name: poolName(modelId),
      namespace: namespaceName(endpointId),
      labels: { ...labelsOf(endpointId, 'inference-pool'), [labels.pool]: modelId },
    },
    spec: {
      selector: { matchLabels: { [labels.endpoint]: endpointId, [labels.pool]: modelId } },
      targetPorts: [{ number: profile.port }],
    },
  };
}

/** The endpoint's names at the Gateway. An answer may take any time, and is never asked for twice. */
export function httpRoute({ endpointId }: AppliedSpec, pools: readonly Pool[], hosts: Hosts): KubeObject {
  const names = [
    { sectionName: 'private' as const, host: hosts.private },
    ...(hosts.public === undefined ? [] : [{ sectionName: 'public' as const, host: hosts.public }]),
  ] satisfies { sectionName: GatewayListener; host: string }[];
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'endpoint', namespace: namespaceName(endpointId), labels: labelsOf(endpointId, 'route') },
    spec: {
      parentRefs: names.map(({ sectionName }) => ({ ...gatewayRef, sectionName })),
      hostnames: names.map(({ host }) => host),
      rules: pools.map(({ deployment }) => ({
        ...(pools.length > 1 && { matches: modelNames(deployment).map(asksFor) }),
        backendRefs: [
          { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: poolName(deployment.modelId) },
        ],
        timeouts: { request: '0s', backendRequest: '0s' },
      })),
    },
  };
}

function asksFor(model: string): object {
  return { headers: [{ name: modelHeader, value: model }] };
}
