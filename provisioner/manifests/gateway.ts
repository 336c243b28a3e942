import type { KubeObject } from '../kube/kube-object.ts';
import { labels, systemNamespace } from './names.ts';

/** Who implements class `fairway`: our routers, for which the provisioner speaks. */
export const controllerName = 'fairway.dev/router';

/** Name of the class and of a cluster's one Gateway. */
const gatewayName = 'fairway';

/** The Gateway as its routes and InferencePools refer to it. */
export const gatewayRef = {
  group: 'gateway.networking.k8s.io',
  kind: 'Gateway',
  name: gatewayName,
  namespace: systemNamespace,
} as const;

/**
 * Ports of the two listeners. Host names of both kinds lie under one domain, and a wildcard stands for whole labels, so
 * the listeners differ by their port.
 */
const ports = { public: 443, private: 8443 } as const;

/** One of the two listeners. */
export type GatewayListener = keyof typeof ports;

const meta = { labels: { 'app.kubernetes.io/name': 'fairway', 'app.kubernetes.io/managed-by': 'fairway-provisioner' } };

/** The class of Gateways that Fairway's routers are. */
export function gatewayClass(): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: gatewayName, ...meta },
    spec: { controllerName, description: 'Fairway’s routers' },
  };
}

/**
 * The one Gateway of a cluster. It has a wildcard listener for public and one for private names, and the host names of
 * endpoints are their routes', since a Gateway has at most 64 listeners. Certificates are the routers' own files, no Secrets.
 */
export function gateway(hosts: string): KubeObject {
  const listener = (name: GatewayListener): object => ({
    name,
    hostname: hosts,
    port: ports[name],
    protocol: 'HTTPS',
    tls: { mode: 'Terminate', options: { 'fairway.dev/certificate': 'router' } },
    allowedRoutes: {
      namespaces: { from: 'Selector', selector: { matchExpressions: [{ key: labels.endpoint, operator: 'Exists' }] } },
      kinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }],
    },
  });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: gatewayName, namespace: systemNamespace, ...meta },
    spec: { gatewayClassName: gatewayName, listeners: [listener('public'), listener('private')] },
  };
}
