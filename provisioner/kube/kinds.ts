/** One resource type: what its objects carry, and where the server keeps them. */
export interface KubeKind {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

const clusterScoped = (apiVersion: string, kind: string, plural: string): KubeKind => ({
  apiVersion,
  kind,
  plural,
  namespaced: false,
});
const namespaced = (apiVersion: string, kind: string, plural: string): KubeKind => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});

/** The resource types that the provisioner uses. A new one is a new line here. */
export const kinds = {
  dedicatedInference: clusterScoped('fairway.dev/v1', 'DedicatedInference', 'dedicatedinferences'),
  namespace: clusterScoped('v1', 'Namespace', 'namespaces'),
  node: clusterScoped('v1', 'Node', 'nodes'),
  pod: namespaced('v1', 'Pod', 'pods'),
  service: namespaced('v1', 'Service', 'services'),
  serviceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  secret: namespaced('v1', 'Secret', 'secrets'),
  configMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  resourceQuota: namespaced('v1', 'ResourceQuota', 'resourcequotas'),
  limitRange: namespaced('v1', 'LimitRange', 'limitranges'),
  event: namespaced('events.k8s.io/v1', 'Event', 'events'),
  deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  replicaSet: namespaced('apps/v1', 'ReplicaSet', 'replicasets'),
  podDisruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  networkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  gatewayClass: clusterScoped('gateway.networking.k8s.io/v1', 'GatewayClass', 'gatewayclasses'),
  gateway: namespaced('gateway.networking.k8s.io/v1', 'Gateway', 'gateways'),
  httpRoute: namespaced('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'),
  inferencePool: namespaced('inference.networking.k8s.io/v1', 'InferencePool', 'inferencepools'),
  customResourceDefinition: clusterScoped(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
  ),
  admissionPolicy: clusterScoped(
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicy',
    'validatingadmissionpolicies',
  ),
  admissionPolicyBinding: clusterScoped(
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
  ),
} as const satisfies Record<string, KubeKind>;

/**
 * The table's row for an object.
 * @throws when the table has none.
 */
export function kindOf(object: { apiVersion: string; kind: string }): KubeKind {
  const found = Object.values(kinds).find((row) => row.kind === object.kind && row.apiVersion === object.apiVersion);
  if (found !== undefined) return found;
  throw new Error(
    `No resource type is known for ${object.apiVersion} ${object.kind}; add it to provisioner/kube/kinds.ts.`,
  );
}

/** Which object or collection of a kind: no `name` is the collection, no `namespace` is all namespaces. */
export interface Target {
  namespace?: string | undefined;
  name?: string | undefined;
  subresource?: 'status' | undefined;
}

/**
 * The URL path of a target, every segment escaped.
 * @throws when a single namespaced object comes without its namespace: the server would answer with a misleading 404.
 */
export function pathOf(kind: KubeKind, target: Target): string {
  if (kind.namespaced && target.name !== undefined && target.namespace === undefined) {
    throw new Error(`${kind.kind} ${target.name} is namespaced: give its namespace.`);
  }
  const parts = kind.apiVersion.includes('/') ? ['apis', ...kind.apiVersion.split('/')] : ['api', kind.apiVersion];
  if (kind.namespaced && target.namespace !== undefined) parts.push('namespaces', target.namespace);
  parts.push(kind.plural);
  if (target.name !== undefined) parts.push(target.name);
  if (target.subresource !== undefined) parts.push(target.subresource);
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
