import type { TlsIdentity } from '#shared/runtime/tls/tls-files.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { leafSecretName, systemNamespace } from './names.ts';

/** What routers of a cluster show on their private listener: a Secret that their pods mount as `tls.crt` and `tls.key`. */
export function leafSecret({ cert, key }: TlsIdentity): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: leafSecretName,
      namespace: systemNamespace,
      labels: {
        'app.kubernetes.io/name': 'fairway',
        'app.kubernetes.io/component': 'router-certificate',
        'app.kubernetes.io/managed-by': 'fairway-provisioner',
      },
    },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': btoa(cert), 'tls.key': btoa(key) },
  };
}

/** Certificate and key of such a Secret; undefined when it holds none. */
export function leafIn(secret: KubeObject): TlsIdentity | undefined {
  const { 'tls.crt': cert, 'tls.key': key } = (secret['data'] ?? {}) as Record<string, string>;
  if (cert === undefined || key === undefined) return undefined;
  const text = (data: string): string => Buffer.from(data, 'base64').toString();
  return { cert: text(cert), key: text(key) };
}
