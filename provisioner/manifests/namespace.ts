import type { KubeObject, OwnerReference } from '../kube/kube-object.ts';
import type { AppliedSpec } from './applied-spec.ts';
import { namespaceName, systemNamespace, labelsOf } from './names.ts';

/** The endpoint's namespace, owned by its custom resource. Engines run as Pod Security "baseline". */
export function namespace(spec: AppliedSpec, owner: OwnerReference): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespaceName(spec.endpointId),
      labels: {
        ...labelsOf(spec.endpointId, 'namespace'),
        'pod-security.kubernetes.io/enforce': 'baseline',
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
