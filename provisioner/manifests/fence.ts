import type { KubeObject } from '../kube/kube-object.ts';
import { intentSeqAnnotation } from './names.ts';

/** What the API server says when a write carries an older intent. */
export const fenceMessages = {
  resource: 'intentSeq may not go back',
  child: `${intentSeqAnnotation} may not go back`,
} as const;

const text = { type: 'string' } as const;
const whole = { type: 'integer', format: 'int64', minimum: 0 } as const;

/** The custom resource's definition, with the transition rule that makes an older provisioner's write fail. */
export function resourceDefinition(): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'dedicatedinferences.fairway.dev' },
    spec: {
      group: 'fairway.dev',
      scope: 'Cluster',
      names: {
        kind: 'DedicatedInference',
        listKind: 'DedicatedInferenceList',
        plural: 'dedicatedinferences',
        singular: 'dedicatedinference',
        shortNames: ['di'],
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: specSchema, status: statusSchema } } },
        },
      ],
    },
  };
}

const acceleratorSchema = {
  type: 'object',
  required: ['acceleratorId', 'slug', 'type', 'scale'],
  properties: { acceleratorId: text, slug: text, type: text, scale: { ...whole, minimum: 1 } },
};

const deploymentSchema = {
  type: 'object',
  required: ['modelId', 'slug', 'provider', 'providerModelId', 'accelerators'],
  properties: {
    modelId: text,
    slug: text,
    provider: text,
    providerModelId: text,
    accelerators: { type: 'array', items: acceleratorSchema, 'x-kubernetes-list-type': 'atomic' },
  },
};

const specSchema = {
  type: 'object',
  required: ['endpointId', 'intentSeq', 'team', 'vpcId', 'version', 'name', 'enablePublicEndpoint', 'deployments'],
  properties: {
    endpointId: text,
    intentSeq: { ...whole, description: 'Stream sequence of the desired state that this was written for.' },
    team: text,
    vpcId: text,
    version: whole,
    name: text,
    enablePublicEndpoint: { type: 'boolean' },
    deployments: { type: 'array', items: deploymentSchema, 'x-kubernetes-list-type': 'atomic' },
  },
  'x-kubernetes-validations': [{ rule: 'self.intentSeq >= oldSelf.intentSeq', message: fenceMessages.resource }],
};

const statusSchema = {
  type: 'object',
  properties: {
    observedGeneration: whole,
    state: text,
    phase: text,
    observedRevision: whole,
    replicas: { type: 'object', properties: { desired: whole, ready: whole } },
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
        properties: {
          type: text,
          status: text,
          reason: text,
          message: text,
          observedGeneration: whole,
          lastTransitionTime: { type: 'string', format: 'date-time' },
        },
      },
    },
  },
};

const was = 'oldObject.metadata';
const is = 'object.metadata';
const key = `'${intentSeqAnnotation}'`;

/** An object without the annotation is not ours; one that has it keeps it, and it never sinks. */
const neverBack =
  `!(${key} in ${was}.?annotations.orValue({})) || ` +
  `(${key} in ${is}.?annotations.orValue({}) && ` +
  `int(${is}.annotations[${key}]) >= int(${was}.annotations[${key}]))`;

const updatesOf = (group: string, ...resources: string[]): object => ({
  apiGroups: [group],
  apiVersions: ['v1'],
  operations: ['UPDATE'],
  resources,
});

/** The policy on an endpoint's objects: the annotation never goes back. A write that it cannot judge is refused. */
export function fencePolicy(): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'fairway-intent-seq' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          updatesOf('', 'namespaces', 'services', 'serviceaccounts', 'secrets', 'resourcequotas', 'limitranges'),
          updatesOf('apps', 'deployments'),
          updatesOf('policy', 'poddisruptionbudgets'),
          updatesOf('networking.k8s.io', 'networkpolicies'),
          updatesOf('gateway.networking.k8s.io', 'httproutes'),
          updatesOf('inference.networking.k8s.io', 'inferencepools'),
        ],
      },
      validations: [{ expression: neverBack, message: fenceMessages.child, reason: 'Invalid' }],
    },
  };
}

/** Puts the policy into force. */
export function fenceBinding(): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'fairway-intent-seq' },
    spec: { policyName: 'fairway-intent-seq', validationActions: ['Deny'] },
  };
}
