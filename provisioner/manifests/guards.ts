import { gpuSize } from '#shared/contract/catalog.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import { labelsOf } from './labels.ts';
import { engineAccountName, namespaceName, systemNamespace } from './names.ts';
import { poolScale } from './pool-objects.ts';
import type { Target } from './target.ts';

const meta = ({ endpointId }: Target, name: string, component: string): ObjectMeta => ({
  name,
  namespace: namespaceName(endpointId),
  labels: labelsOf(endpointId, component),
});

/** Engines never speak to the API server. */
export function engineAccount(target: Target): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(target, engineAccountName, 'account'),
    automountServiceAccountToken: false,
  };
}

/** Nothing in, nothing out but names; routers and the provisioner reach the engines' port. */
export function networkPolicies(target: Target, enginePort: number): KubeObject[] {
  const policy = (name: string, spec: object): KubeObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(target, name, 'network'),
    spec: { podSelector: {}, ...spec },
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
      ingress: [{ from: [fromSystem], ports: [{ port: enginePort, protocol: 'TCP' }] }],
    }),
    policy('to-names', { policyTypes: ['Egress'], egress: [{ to: [resolvers], ports: dns }] }),
  ];
}

/** Twice the replicas (a rollout has both revisions) is the most that the namespace may ever hold. */
export function quota(target: Target): KubeObject {
  const replicas = target.deployments.reduce((sum, deployment) => sum + poolScale(deployment), 0);
  const gpus = target.deployments
    .flatMap(({ accelerators }) => accelerators)
    .reduce((sum, { slug, scale }) => sum + scale * (gpuSize(slug)?.gpuCount ?? 1), 0);
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: meta(target, 'endpoint', 'quota'),
    spec: {
      hard: {
        pods: String(replicas * 2),
        'requests.nvidia.com/gpu': String(gpus * 2),
        'services.loadbalancers': '0',
        'services.nodeports': '0',
      },
    },
  };
}

/** What a container gets that asks for nothing. */
export function limits(target: Target): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: meta(target, 'endpoint', 'limits'),
    spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m', memory: '128Mi' } }] },
  };
}
