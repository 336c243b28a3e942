import type { SpecDocument } from '#shared/contract/desired.ts';

/** A spec as the API writes it, for tests. */
export function buildSpec(parts: Partial<SpecDocument> = {}): SpecDocument {
  const at = '2026-11-22T12:00:00.000Z';
  return {
    v: 1,
    kind: 'spec',
    endpointId: '00000000-0000-8001-8000-000000000001',
    team: 'alpha',
    region: 'atl1',
    vpcId: '11111111-2222-4333-8444-555555555555',
    vpcGiven: false,
    name: 'assistant',
    enablePublicEndpoint: true,
    deployments: [
      {
        modelId: '00000000-0000-8001-8000-00000000000a',
        slug: 'mistral/small',
        provider: 'hugging_face',
        providerModelId: 'mistralai/Small',
        accelerators: [
          {
            acceleratorId: '00000000-0000-8001-8000-00000000000b',
            slug: 'gpu-mi300x1-192gb',
            type: 'prefill_decode',
            scale: 2,
          },
        ],
      },
    ],
    version: 1,
    createdAt: at,
    updatedAt: at,
    createdBy: 'token-1',
    intents: [],
    ...parts,
  };
}
