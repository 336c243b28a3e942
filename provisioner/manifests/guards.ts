import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import { poolScale } from './pool-objects.ts';
import type { AppliedSpec } from './applied-spec.ts';
import { engineAccountName, namespaceName, systemNamespace, labelsOf } from './names.ts';

const meta = ({ endpointId }: AppliedSpec, name: string, component: string): ObjectMeta => ({
  name,
  namespace: namespaceName(endpointId),
  labels: labelsOf(endpointId, component),
});

/** Engines never speak to the API server. */
export function engineAccount(spec: AppliedSpec): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(spec, engineAccountName, 'account'),
    automountServiceAccountToken: false,
  };
}

/** Nothing in, nothing out but names; routers and the provisioner reach the engines' ports. */
export function networkPolicies(spec: AppliedSpec, enginePorts: readonly number[]): KubeObject[] {
  const policy = (name: string, rules: object): KubeObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(spec, name, 'network'),
    spec: { podSelector: {}, ...rules },
  });
  const fromSystem = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': systemNamespace } } };
  const resolvers = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } };
  const dns = [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ];
  return [
    policy('default-deny', { policyTypes: ['Ingress', 'Egress'] }),
    policy('from-routers', {
      policyTypes: ['Ingress'],
      ingress: [{ from: [fromSystem], ports: enginePorts.map((port) => ({ port, protocol: 'TCP' })) }],
    }),
    policy('to-names', { policyTypes: ['Egress'], egress: [{ to: [resolvers], ports: dns }] }),
  ];
}

/**
 * The most that the namespace may ever hold: what the spec asks for, and as much again, or all that is still there beside
 * it when that is more, since a rollout has both and pods count until they have ended.
 */
export function quota(spec: AppliedSpec, beside: { pods: number; gpus: number }): KubeObject {
  const replicas = spec.deployments.reduce((sum, deployment) => sum + poolScale(deployment), 0);
  const gpus = spec.deployments
    .flatMap(({ accelerators }) => accelerators)
    .reduce((sum, { slug, scale }) => sum + scale * (gpuSize(slug)?.gpuCount ?? 1), 0);
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: meta(spec, 'endpoint', 'quota'),
    spec: {
      hard: {
        pods: String(replicas + Math.max(replicas, beside.pods)),
        'requests.nvidia.com/gpu': String(gpus + Math.max(gpus, beside.gpus)),
        'services.loadbalancers': '0',
        'services.nodeports': '0',
      },
    },
  };
}

/** What a container gets that asks for nothing. */
export function limits(spec: AppliedSpec): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: meta(spec, 'endpoint', 'limits'),
    spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m', memory: '128Mi' } }] },
  };
}
