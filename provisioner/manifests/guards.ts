import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import { poolScale } from './pool-objects.ts';
import type { AppliedSpec, ObjectStorage } from './applied-spec.ts';
import { fetchedFrom, portsOf } from './weights.ts';
import { engineAccountName, gpuResources, namespaceName, systemNamespace, labels, labelsOf } from './names.ts';

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

/** Where weights never come from: private and link-local addresses, among them those of clouds' metadata services. */
const inside = {
  v4: ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'],
  v6: ['fc00::/7', 'fe80::/10'],
} as const;

/**
 * Routers and the provisioner reach the engines' ports; nothing goes out but questions for names, and, from pools whose
 * weights come from the hub or from storage, connections to there alone. Judged by all Deployments that there are or are to
 * be: replicas of an older template may listen elsewhere and fetch from elsewhere, and serve until they are replaced.
 */
export function networkPolicies(
  spec: AppliedSpec,
  deployments: readonly KubeObject[],
  storage: ObjectStorage,
): KubeObject[] {
  const enginePorts = [...new Set(deployments.flatMap(portsOf))].toSorted((a, b) => a - b);
  const policy = (name: string, rules: object): KubeObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(spec, name, 'network'),
    spec: { podSelector: {}, ...rules },
  });
  const fetching = (name: string, from: 'hub' | 'storage', where: Destination): KubeObject[] => {
    const fetched = deployments.filter((deployment) => fetchedFrom(deployment) === from);
    const pools = new Set(fetched.map(({ metadata }) => metadata.labels?.[labels.pool] ?? ''));
    return pools.size === 0 ? [] : [policy(name, egress([...pools].toSorted(), where))];
  };
  const fromSystem = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': systemNamespace } } };
  const resolvers = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } };
  const dns = [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ];
  const { protocol, port } = new URL(storage.endpoint);
  const storagePort = port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port);
  return [
    policy('default-deny', { policyTypes: ['Ingress', 'Egress'] }),
    policy('from-routers', {
      policyTypes: ['Ingress'],
      ingress: [{ from: [fromSystem], ports: enginePorts.map((each) => ({ port: each, protocol: 'TCP' })) }],
    }),
    policy('to-names', { policyTypes: ['Egress'], egress: [{ to: [resolvers], ports: dns }] }),
    ...fetching('to-weights', 'hub', { network: null, port: 443 }),
    ...fetching('to-storage', 'storage', { network: storage.network, port: storagePort }),
  ];
}

interface Destination {
  /** Null for every public address. */
  network: string | null;
  port: number;
}

function egress(values: readonly string[], { network, port }: Destination): object {
  const outside = [
    { ipBlock: { cidr: '0.0.0.0/0', except: inside.v4 } },
    { ipBlock: { cidr: '::/0', except: inside.v6 } },
  ];
  return {
    podSelector: { matchExpressions: [{ key: labels.pool, operator: 'In', values }] },
    policyTypes: ['Egress'],
    egress: [{ to: network === null ? outside : [{ ipBlock: { cidr: network } }], ports: [{ port, protocol: 'TCP' }] }],
  };
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
        // Of each maker as many as of all: replicas of older templates may be on another one's.
        ...Object.fromEntries(
          Object.values(gpuResources).map((name) => [`requests.${name}`, String(gpus + Math.max(gpus, beside.gpus))]),
        ),
        'services.loadbalancers': '0',
        'services.nodeports': '0',
      },
    },
  };
}

/** What a container of an endpoint's namespace asks for when it does not say. */
export const defaultRequests = { cpu: '100m', memory: '128Mi' } as const;

/** What a container gets that asks for nothing. */
export function limits(spec: AppliedSpec): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: meta(spec, 'endpoint', 'limits'),
    spec: { limits: [{ type: 'Container', defaultRequest: defaultRequests }] },
  };
}
