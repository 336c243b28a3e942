import type { KubeObject } from '../kube/kube-object.ts';
import type { AppliedSpec } from './applied-spec.ts';
import { resourceName, labelsOf } from './names.ts';

/** Holds the custom resource until everything that it stands for is gone. */
export const teardownFinalizer = 'fairway.dev/teardown';

/** The endpoint as the cluster sees it; its `intentSeq` is what the fence compares. */
export function customResource(spec: AppliedSpec): KubeObject {
  const { endpointId, intentSeq, team, vpcId, version, name, enablePublicEndpoint, deployments } = spec;
  return {
    apiVersion: 'fairway.dev/v1',
    kind: 'DedicatedInference',
    metadata: {
      name: resourceName(endpointId),
      labels: labelsOf(endpointId, 'endpoint'),
      finalizers: [teardownFinalizer],
    },
    spec: {
      endpointId,
      intentSeq,
      team,
      vpcId,
      version,
      name,
      enablePublicEndpoint,
      deployments: deployments.map((deployment) => ({
        modelId: deployment.modelId,
        slug: deployment.slug,
        provider: deployment.provider,
        providerModelId: deployment.providerModelId,
        accelerators: deployment.accelerators.map(({ acceleratorId, slug, type, scale }) => ({
          acceleratorId,
          slug,
          type,
          scale,
        })),
      })),
    },
  };
}
