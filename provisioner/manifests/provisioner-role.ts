import { kinds, type KubeKind } from '../kube/kinds.ts';
import { systemNamespace } from './names.ts';

/** Name of the role on the certificate of routers, which the account has beside its own. */
export const certificateRoleName = 'fairway-router-certificate';

/** Name of the provisioner's account, role and binding. */
const provisionerName = 'fairway-provisioner';

/** Verbs on the objects of endpoints: watched, applied (which takes `create` and `patch`) and pruned. */
const kept = ['create', 'delete', 'list', 'patch', 'watch'];

/** Verbs on objects that endpoints share: looked at and applied. */
const shared = ['create', 'get', 'patch'];

const rights: readonly (readonly [kind: KubeKind, verbs: readonly string[], subresource?: string])[] = [
  [kinds.dedicatedInference, ['get', ...kept]],
  [kinds.dedicatedInference, ['patch'], 'status'],
  [kinds.namespace, ['get', ...kept]],
  // What there is room for.
  [kinds.node, ['list', 'watch']],
  // Everybody's, for the same; marks on what goes first when a count sinks; whether a silent router's pod is gone.
  [kinds.pod, ['get', 'list', 'patch', 'watch']],
  [kinds.deployment, kept],
  [kinds.service, kept],
  [kinds.serviceAccount, kept],
  [kinds.secret, kept],
  [kinds.resourceQuota, kept],
  [kinds.limitRange, kept],
  [kinds.networkPolicy, kept],
  [kinds.podDisruptionBudget, kept],
  [kinds.httpRoute, kept],
  [kinds.httpRoute, ['patch'], 'status'],
  [kinds.inferencePool, kept],
  [kinds.inferencePool, ['patch'], 'status'],
  [kinds.gatewayClass, shared],
  [kinds.gatewayClass, ['patch'], 'status'],
  [kinds.gateway, shared],
  [kinds.gateway, ['patch'], 'status'],
  [kinds.customResourceDefinition, shared],
  [kinds.admissionPolicy, shared],
  [kinds.admissionPolicyBinding, shared],
];

/** The provisioner's account, and all that it may do: what a recorded run has used, and nothing else. */
export function provisionerRole(): object[] {
  const api = 'rbac.authorization.k8s.io';
  const metadata = { name: provisionerName, labels: { 'app.kubernetes.io/name': 'fairway' } };
  const account = { kind: 'ServiceAccount', name: provisionerName, namespace: systemNamespace };
  const rules = rights.map(([{ apiVersion, plural }, verbs, subresource]) => ({
    apiGroups: [apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''],
    resources: [subresource === undefined ? plural : `${plural}/${subresource}`],
    verbs: verbs.toSorted(),
  }));
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...metadata, namespace: systemNamespace } },
    { apiVersion: `${api}/v1`, kind: 'ClusterRole', metadata, rules },
    {
      apiVersion: `${api}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: api, kind: 'ClusterRole', name: provisionerName },
      subjects: [account],
    },
    {
      apiVersion: `${api}/v1`,
      kind: 'RoleBinding',
      metadata: { name: certificateRoleName, namespace: systemNamespace },
      roleRef: { apiGroup: api, kind: 'Role', name: certificateRoleName },
      subjects: [account],
    },
  ];
}
