import type { KubeObject, OwnerReference } from '../kube/kube-object.ts';
import type { AppliedSpec } from './applied-spec.ts';
import { namespaceName, systemNamespace, labelsOf } from './names.ts';

/** What Pod Security lets the pods of a namespace do; `baseline` only where an engine's image runs as root. */
export type PodSecurity = 'restricted' | 'baseline';

/** The strictest level at which all pods of these Deployments are let in, those of older templates too. */
export function podSecurityOf(deployments: readonly KubeObject[]): PodSecurity {
  const unprivileged = deployments.every(({ spec }) => {
    const template = (spec as { template?: { spec?: { securityContext?: { runAsNonRoot?: boolean } } } }).template;
    return template?.spec?.securityContext?.runAsNonRoot === true;
  });
  return unprivileged ? 'restricted' : 'baseline';
}

/** The endpoint's namespace, owned by its custom resource. */
export function namespace(spec: AppliedSpec, owner: OwnerReference, security: PodSecurity): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespaceName(spec.endpointId),
      labels: {
        ...labelsOf(spec.endpointId, 'namespace'),
        'pod-security.kubernetes.io/enforce': security,
        'pod-security.kubernetes.io/warn': 'restricted',
      },
      ownerReferences: [owner],
    },
  };
}

/** Where routers and shared parts live; also the object on which a starting provisioner tries the fence. */
export function sharedNamespace(): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: systemNamespace, labels: { 'app.kubernetes.io/managed-by': 'fairway-provisioner' } },
  };
}
