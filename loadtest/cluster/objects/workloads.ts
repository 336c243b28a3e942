import { z } from 'zod';
import { invalid, notServed } from './api-error.ts';
import type { KindInfo } from './kinds.ts';
import { at, isObject, type Json, type JsonObject, type KubeObject } from './object.ts';

const port = z.int().min(1).max(65_535);
const seconds = (fallback: number): z.ZodDefault<z.ZodInt> => z.int().min(0).default(fallback);
const httpGet = z.looseObject({
  path: z.string().default('/'),
  port: z.union([port, z.string()]),
  scheme: z.literal('HTTP').default('HTTP'),
  httpHeaders: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
});
const probe = z.strictObject({
  httpGet,
  initialDelaySeconds: seconds(0).optional(),
  periodSeconds: seconds(10),
  timeoutSeconds: seconds(1),
  successThreshold: z.int().min(1).default(1),
  failureThreshold: z.int().min(1).default(3),
  terminationGracePeriodSeconds: z.int().min(1).optional(),
});
const valueFrom = z.union([
  z.strictObject({ fieldRef: z.strictObject({ fieldPath: z.string(), apiVersion: z.string().default('v1') }) }),
  z.strictObject({
    secretKeyRef: z.strictObject({ name: z.string(), key: z.string(), optional: z.boolean().optional() }),
  }),
]);
const quantities = z.record(z.string(), z.coerce.string()).optional();
const container = z.looseObject({
  name: z.string().min(1),
  image: z.string().min(1),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z
    .array(z.strictObject({ name: z.string(), value: z.string().optional(), valueFrom: valueFrom.optional() }))
    .optional(),
  ports: z
    .array(
      z.looseObject({ containerPort: port, name: z.string().optional(), protocol: z.literal('TCP').default('TCP') }),
    )
    .optional(),
  resources: z.looseObject({ requests: quantities, limits: quantities }).default({}),
  startupProbe: probe.optional(),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
  lifecycle: z
    .strictObject({ preStop: z.strictObject({ sleep: z.strictObject({ seconds: z.int().min(0) }) }) })
    .optional(),
});
const podSpec = z.looseObject({
  containers: z.array(container).min(1),
  nodeName: z.string().optional(),
  nodeSelector: z.record(z.string(), z.string()).optional(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
  terminationGracePeriodSeconds: seconds(30),
  tolerations: z.array(z.looseObject({ key: z.string().optional(), value: z.string().optional() })).optional(),
});
const meta = z.looseObject({
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const template = z.looseObject({ metadata: meta.default({}), spec: podSpec });
const matchLabels = z.strictObject({ matchLabels: z.record(z.string(), z.string()) });
const replicas = z.int().min(0).max(10_000).default(1);

/** Specs as the controllers and the kubelet read them; parsing fills in Kubernetes' defaults for these fields. */
export type PodSpec = z.infer<typeof podSpec>;
export type Container = z.infer<typeof container>;
export type Probe = z.infer<typeof probe>;
const deploymentSpec = z.looseObject({
  replicas,
  selector: matchLabels,
  template,
  progressDeadlineSeconds: seconds(600),
  revisionHistoryLimit: seconds(10),
});
const replicaSetSpec = z.looseObject({ replicas, selector: matchLabels, template });

export type Pod = KubeObject & { spec: PodSpec & JsonObject };
export type Deployment = KubeObject & { spec: z.infer<typeof deploymentSpec> & JsonObject };
export type ReplicaSet = KubeObject & { spec: z.infer<typeof replicaSetSpec> & JsonObject };

const specs: Record<string, z.ZodType> = {
  '/pods': podSpec,
  'apps/deployments': deploymentSpec,
  'apps/replicasets': replicaSetSpec,
};

const unservedInPod = ['initContainers', 'ephemeralContainers', 'affinity', 'hostNetwork', 'resourceClaims', 'hostPID'];
const unservedInContainer = ['envFrom', 'volumeDevices', 'restartPolicy'];

/**
 * Checks and completes the spec of a built-in kind that a controller acts upon.
 * @throws ApiError 422 with every problem, 501 for fields whose effect is not served.
 */
export function completeSpec(kind: KindInfo, object: KubeObject): KubeObject {
  if (kind.id === '/services' && at(object.spec, 'clusterIP') !== 'None')
    throw notServed('a Service that is not headless (clusterIP: None)');
  const schema = specs[kind.id];
  if (schema === undefined) return object;
  const pod = kind.id === '/pods' ? object.spec : at(object.spec, 'template', 'spec');
  refuseUnserved(pod);
  const result = schema.safeParse(object.spec);
  if (!result.success)
    throw invalid(
      kind,
      object.metadata.name,
      result.error.issues.map((issue) => ({
        reason: 'FieldValueInvalid',
        message: issue.message,
        field: ['spec', ...issue.path].join('.'),
      })),
    );
  const spec = result.data as JsonObject;
  checkSelector(kind, object.metadata.name, spec);
  return { ...object, spec };
}

function refuseUnserved(pod: Json | undefined): void {
  const refuse = (part: Json | undefined, names: string[], where: string): void => {
    const found = names.find((name) => at(part, name) !== undefined);
    if (found !== undefined) throw notServed(`${where}.${found}`);
  };
  refuse(pod, unservedInPod, 'pod spec');
  const containers = at(pod, 'containers');
  if (!Array.isArray(containers)) return;
  if (containers.length > 1) throw notServed('a pod with more than one container');
  for (const one of containers) refuse(one, unservedInContainer, 'container');
  const volumes = at(pod, 'volumes');
  for (const volume of Array.isArray(volumes) ? volumes : [])
    if (at(volume, 'emptyDir') === undefined) throw notServed('volumes other than emptyDir');
}

function checkSelector(kind: KindInfo, name: string, spec: JsonObject): void {
  const wanted = at(spec, 'selector', 'matchLabels');
  if (!isObject(wanted)) return;
  const labels = at(spec, 'template', 'metadata', 'labels');
  const matches = Object.entries(wanted).every(([key, value]) => isObject(labels) && labels[key] === value);
  if (matches && Object.keys(wanted).length > 0) return;
  const field = 'spec.template.metadata.labels';
  const message = `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``;
  throw invalid(kind, name, [{ reason: 'FieldValueInvalid', message, field }]);
}
