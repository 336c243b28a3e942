import { randomUUID } from 'node:crypto';
import type { AccessDocument } from '#shared/contract/desired.ts';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';

/** A replica of a pool document. */
export function replicaAt(port: number, state: PoolReplica['state'] = 'ready'): PoolReplica {
  return { replicaId: randomUUID(), name: `replica-${port}`, address: '127.0.0.1', port, revision: 'r1', state };
}

/** A pool document as the provisioner writes it. */
export function poolDocument(parts: Partial<PoolDocument> = {}): PoolDocument {
  const metrics = {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUse: 'vllm:kv_cache_usage_perc',
  };
  const engine = { profile: 'sim', healthPath: '/health', metricsPath: '/metrics', metrics };
  return {
    v: 1,
    endpointId: randomUUID(),
    team: 'team-a',
    vpcId: randomUUID(),
    pool: randomUUID(),
    specRevision: 1,
    models: ['test-model'],
    engine: { ...engine, kvTokens: 970_000, blockTokens: 16, contextTokensMax: 262_144 },
    upstreamKey: 'upstream-secret',
    proofKey: 'none',
    replicas: [],
    ...parts,
  };
}

/** An access document as the API writes it; `hashes` are the keyed hashes of its tokens. */
export function accessDocument(parts: {
  endpointId: string;
  vpcId: string;
  hashes: readonly string[];
}): AccessDocument {
  const { endpointId, vpcId, hashes } = parts;
  const host = `${endpointId.slice(0, 8)}-public-test.example`;
  const createdAt = new Date(0).toISOString();
  return {
    v: 1,
    kind: 'access',
    endpointId,
    team: 'team-a',
    vpcId,
    hosts: { public: host, private: host.replace('public', 'private') },
    tokens: hashes.map((hash) => ({ tokenId: randomUUID(), name: 'first', hash, managed: true, createdAt })),
  };
}
