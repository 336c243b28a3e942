import { randomUUID } from 'node:crypto';
import type { AccessDocument, IntentEntry, SpecDocument } from '#shared/contract/desired.ts';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { StatusDocument } from '#shared/contract/status.ts';

/** Whole documents for tests: what a test does not name is the same each time, but for ids that must differ. */
const at = '2026-11-22T12:00:00.000Z';

/** A spec as the API writes it: one model on two replicas. */
export function specDocument(parts: Partial<SpecDocument> = {}): SpecDocument {
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

/** An intent as a spec remembers it: the write that carries it has no revision yet. */
export function intentEntry(parts: Partial<IntentEntry> & { intentId: string }): IntentEntry {
  return {
    verb: 'create',
    actor: 'token-1',
    requestId: 'request-1',
    summary: 'made for a test',
    bodyHash: 'hash',
    previousHash: null,
    contentHash: 'content',
    revision: null,
    at: 77,
    ...parts,
  };
}

/** A status as the provisioner writes it: work is under way, nothing is live. */
export function statusDocument(parts: Partial<StatusDocument> & { endpointId: string }): StatusDocument {
  return {
    v: 1,
    state: 'provisioning',
    lifecycleSeq: 1,
    observedRevision: 1,
    live: null,
    phase: 'capacity',
    phaseSince: at,
    changeSince: at,
    reason: 'Working',
    message: 'Work is under way.',
    conditions: [],
    replicas: { desired: 0, ready: 0 },
    replicaList: [],
    hosts: null,
    rejection: null,
    history: [],
    updatedAt: at,
    writer: 'test',
    ...parts,
  };
}

/** What the simulated engine's profile says to routers. */
const simEngine: PoolDocument['engine'] = {
  profile: 'sim',
  healthPath: '/health',
  metricsPath: '/metrics',
  metrics: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUse: 'vllm:kv_cache_usage_perc',
  },
  kvTokens: 970_000,
  blockTokens: 16,
  contextTokensMax: 262_144,
};

/** A pool document as the provisioner writes it: no replicas yet. */
export function poolDocument(parts: Partial<PoolDocument> = {}): PoolDocument {
  return {
    v: 1,
    endpointId: randomUUID(),
    team: 'team-a',
    vpcId: randomUUID(),
    pool: randomUUID(),
    specRevision: 1,
    models: ['test-model'],
    engine: simEngine,
    upstreamKey: 'upstream-secret',
    proofKey: 'none',
    replicas: [],
    ...parts,
  };
}

/** A replica of a pool document, on this machine. */
export function replicaAt(port: number, state: PoolReplica['state'] = 'ready'): PoolReplica {
  return { replicaId: randomUUID(), name: `replica-${port}`, address: '127.0.0.1', port, revision: 'r1', state };
}

/** An access document as the API writes it; `hashes` are the keyed hashes of its tokens. */
export function accessDocument({
  endpointId,
  vpcId,
  hashes,
}: {
  endpointId: string;
  vpcId: string;
  hashes: readonly string[];
}): AccessDocument {
  const host = `${endpointId.slice(0, 8)}-public-test.example`;
  return {
    v: 1,
    kind: 'access',
    endpointId,
    team: 'team-a',
    vpcId,
    hosts: { public: host, private: host.replace('public', 'private') },
    tokens: hashes.map((hash) => ({ tokenId: randomUUID(), name: 'first', hash, managed: true, createdAt: at })),
  };
}
