import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { EnginePreset } from '#loadtest/sim/engine/presets.ts';

const id = (kind: string, index: number): string => `${kind}-0000-4000-8000-${String(index).padStart(12, '0')}`;

/** A pool of so many replicas, with ids that are the same in each run: ties are broken by them. */
export function poolOf(replicas: number, preset: EnginePreset): PoolDocument {
  const metrics = { running: 'running', waiting: 'waiting', kvUse: 'kv_use' };
  return {
    v: 1,
    endpointId: id('00000000', 0),
    team: 'team',
    vpcId: id('00000000', 1),
    pool: id('00000000', 2),
    specRevision: 1,
    models: ['model'],
    engine: {
      profile: 'sim',
      healthPath: '/health',
      metricsPath: '/metrics',
      metrics,
      kvTokens: preset.kvTokens,
      blockTokens: preset.blockTokens,
      contextTokensMax: preset.maxModelTokens,
    },
    upstreamKey: 'key',
    proofKey: 'none',
    replicas: Array.from({ length: replicas }, (_, index) => replicaOf(index)),
  };
}

/** A replica that is ready. */
export function replicaOf(index: number): PoolReplica {
  return {
    replicaId: id('11111111', index),
    name: `replica-${index}`,
    address: '10.0.0.1',
    port: 8000 + index,
    revision: 'r1',
    state: 'ready',
  };
}
