import { specDocumentSchema } from '#shared/contract/desired.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { hostLabel } from '#shared/contract/ids.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import type { TestRegion } from './region-fixture.ts';

/** Says of an endpoint what a provisioner says once its newest spec is live. */
export async function activate(
  region: TestRegion,
  endpointId: string,
  parts: Partial<StatusDocument> = {},
): Promise<void> {
  const last = await readLast(region.nats, streams.desired.name, subjects.spec(endpointId));
  const spec = specDocumentSchema.parse(last?.body);
  const { version, name, enablePublicEndpoint, deployments, createdAt, updatedAt } = spec;
  const revision = last?.seq ?? 0;
  const label = hostLabel(endpointId);
  await region.publishStatus(
    endpointId,
    statusDocument({
      endpointId,
      state: 'active',
      phase: 'done',
      observedRevision: revision,
      live: { revision, version, name, enablePublicEndpoint, deployments, createdAt, updatedAt },
      hosts: {
        private: `${label}-private-dedicated-inference.fairway.localhost`,
        ...(enablePublicEndpoint && { public: `${label}-public-dedicated-inference.fairway.localhost` }),
      },
      ...parts,
    }),
  );
}
