import { expect } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { intentSeqPolicyExpression, intentSeqRule } from '../objects/cel.ts';
import { at, type Json, type JsonObject } from '../objects/object.ts';
import type { KubeAnswer, KubeHttp, WatchEvent } from '../client/kube-http.ts';

/** Field manager of the suite unless a point needs another. */
export const manager = { fieldManager: 'fairway-suite' };

const group = 'contract.fairway.dev';
export const crdPath = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/engines.${group}`;
export const enginesPath = `/apis/${group}/v1/engines`;
const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const policyName = 'contract-intent-seq';

export const core = (kind: string, name: string, fields: object = {}): object => ({
  apiVersion: 'v1',
  kind,
  ...fields,
  metadata: { name, ...('metadata' in fields ? (fields.metadata as object) : {}) },
});

/** A custom resource with the fence of Fairway's own, cluster-scoped, with status. */
export const engineCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `engines.${group}` },
  spec: {
    group,
    scope: 'Cluster',
    names: { plural: 'engines', singular: 'engine', kind: 'Engine' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['intentSeq'],
                properties: {
                  intentSeq: { type: 'integer', format: 'int64' },
                  endpointId: { type: 'string', maxLength: 40 },
                },
                'x-kubernetes-validations': [{ rule: intentSeqRule, message: 'intentSeq may not go back' }],
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

export const engine = (name: string, spec: object, metadata: object = {}): object => ({
  apiVersion: `${group}/v1`,
  kind: 'Engine',
  metadata: { name, ...metadata },
  spec,
});

const policy = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: policyName },
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [
        { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['configmaps', 'namespaces'] },
      ],
    },
    validations: [{ expression: intentSeqPolicyExpression, message: 'fairway.dev/intent-seq may not go back' }],
  },
};

/** Installs the custom resource and the policy, and waits until both work. */
export async function installFence(kube: KubeHttp): Promise<void> {
  await kube.apply(crdPath, engineCrd, manager);
  await kube.apply(`${policies}/${policyName}`, policy, manager);
  const binding = { policyName, validationActions: ['Deny'] };
  const body = { ...policy, kind: 'ValidatingAdmissionPolicyBinding', spec: binding };
  await kube.apply(`${policies.replace(/ies$/, 'ybindings')}/${policyName}`, body, manager);
  await eventually(async () => expect((await kube.send('GET', enginesPath)).code).toBe(200));
  const path = '/api/v1/namespaces/default/configmaps/fence-probe';
  await eventually(async () => {
    await kube.apply(path, annotated('fence-probe', '5'), manager);
    expect((await kube.apply(path, annotated('fence-probe', '4'), manager)).code).toBe(422);
  });
}

export const annotated = (name: string, seq?: string): object =>
  core('ConfigMap', name, { metadata: seq === undefined ? {} : { annotations: { 'fairway.dev/intent-seq': seq } } });

/** A namespace of its own for each point, so that they never meet. */
export async function freshNamespace(kube: KubeHttp): Promise<string> {
  const name = `c-${crypto.randomUUID().slice(0, 8)}`;
  const made = await kube.send('POST', '/api/v1/namespaces', { body: core('Namespace', name) });
  expect(made.code).toBe(201);
  await eventually(async () =>
    expect((await kube.send('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`)).code).toBe(200),
  );
  return name;
}

/** A node with GPUs that only pods with its label choose. */
export async function addNode(kube: KubeHttp, name: string, lab: string): Promise<void> {
  const made = await kube.send('POST', '/api/v1/nodes', {
    body: core('Node', name, { metadata: { labels: { lab } } }),
  });
  expect(made.code).toBe(201);
  const allocatable = { 'nvidia.com/gpu': '8', cpu: '64', memory: '512Gi', pods: '110' };
  await kube.mergePatch(`/api/v1/nodes/${name}/status`, { status: { allocatable, capacity: allocatable } });
}

export const gpuDeployment = (name: string, lab: string, options: { replicas: number; gpus: number }): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: options.replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        nodeSelector: { lab },
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'engine',
            image: 'fairway/sim:contract',
            ports: [{ containerPort: 8000 }],
            env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
            resources: { limits: { 'nvidia.com/gpu': String(options.gpus) } },
            readinessProbe: { httpGet: { path: '/health', port: 8000 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
});

/** Plays the kubelet: says that a pod runs and is ready. */
export async function makeReady(kube: KubeHttp, pod: JsonObject): Promise<void> {
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: now,
  }));
  const answer = await kube.mergePatch(`${podPath(pod)}/status`, { status: { phase: 'Running', conditions } });
  expect(answer.code).toBe(200);
}

export const podPath = (pod: JsonObject): string =>
  `/api/v1/namespaces/${String(at(pod, 'metadata', 'namespace'))}/pods/${String(at(pod, 'metadata', 'name'))}`;

export async function itemsOf(kube: KubeHttp, path: string, query: Record<string, string> = {}): Promise<JsonObject[]> {
  const { code, body } = await kube.send('GET', path, { query });
  expect(code).toBe(200);
  return body['items'] as JsonObject[];
}

/** The first causes' reason, field and message of a refusal. */
export function causeOf({ body }: KubeAnswer): { reason: string; field: string; message: string } {
  const causes = at(body, 'details', 'causes');
  const [first] = Array.isArray(causes) ? causes : [];
  const text = (name: string): string => String(at(first, name) ?? '');
  return { reason: text('reason'), field: text('field'), message: text('message') };
}

export const meta = (answer: { body: JsonObject }, field: string): Json | undefined =>
  at(answer.body, 'metadata', field);

/** Collects events of a watch in the background until `enough`, or until the watch ends. */
export async function collect(
  events: AsyncIterable<WatchEvent>,
  enough: (seen: WatchEvent[]) => boolean,
): Promise<WatchEvent[]> {
  const seen: WatchEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (enough(seen)) break;
  }
  return seen;
}

export const shown = ({ type, object }: WatchEvent): string =>
  `${type} ${String(at(object, 'metadata', 'name') ?? '')}`;
