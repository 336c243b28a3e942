import type { Merge, Shape } from './field-sets.ts';

/**
 * List keys of the built-in kinds, by the last member names of the path (longest match wins).
 * Source: `x-kubernetes-list-map-keys` and `x-kubernetes-map-type` in Kubernetes' OpenAPI document, v1.37.
 */
const rules: Record<string, Merge> = {
  'metadata.finalizers': 'set',
  'metadata.ownerReferences': { keys: ['uid'], atomicItems: true },
  'spec.selector': 'atomic',
  podSelector: 'atomic',
  namespaceSelector: 'atomic',
  labelSelector: 'atomic',
  nodeSelector: 'atomic',
  fieldRef: 'atomic',
  secretKeyRef: 'atomic',
  configMapKeyRef: 'atomic',
  conditions: { keys: ['type'] },
  containers: { keys: ['name'] },
  'containers.ports': { keys: ['containerPort', 'protocol'] },
  env: { keys: ['name'] },
  volumes: { keys: ['name'] },
  volumeMounts: { keys: ['mountPath'] },
  imagePullSecrets: { keys: ['name'] },
  topologySpreadConstraints: { keys: ['topologyKey', 'whenUnsatisfiable'] },
  'spec.ports': { keys: ['port', 'protocol'] },
  'status.podIPs': { keys: ['ip'] },
};

/** A Map: fields may be named `constructor` or `__proto__`. */
const table = new Map(Object.entries(rules));

export const builtinShape: Shape = (fields) =>
  table.get(fields.slice(-2).join('.')) ?? table.get(fields.at(-1) ?? '') ?? 'default';
