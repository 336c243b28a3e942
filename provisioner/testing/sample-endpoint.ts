import type { SpecDocument } from '#shared/contract/desired.ts';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { poolDocument, specDocument, statusDocument } from '#shared/testing/documents.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { sim } from '../engines/sim.ts';
import { readWeightChoice } from '../engines/weights.ts';
import { noProgress, type Progress } from '../plan/progress.ts';
import type { PlanSettings } from '../plan/settings.ts';
import type { PodView } from '../observe/pod-view.ts';

/** Plain data for tests of deciders: one endpoint with one pool. */
export const sampleIds = {
  endpoint: '01900000-0000-8001-8000-000000000001',
  vpc: '01900000-0000-4000-8000-0000000000aa',
  pool: '01900000-0000-8001-8000-000000000002',
  accelerator: '01900000-0000-8001-8000-000000000003',
} as const;

/** The moment at which samples happen. */
export const sampleNow = Date.UTC(2026, 0, 1);

const at = (afterMs = 0): string => new Date(sampleNow + afterMs).toISOString();

/** A spec of one model on `scale` replicas. */
export function sampleSpec(scale: number, parts: Partial<SpecDocument> = {}): SpecDocument {
  return specDocument({
    endpointId: sampleIds.endpoint,
    team: 'team-a',
    vpcId: sampleIds.vpc,
    vpcGiven: true,
    name: 'coding',
    deployments: [
      {
        modelId: sampleIds.pool,
        slug: 'mistral/mistral-7b-instruct-v3',
        provider: 'hugging_face',
        providerModelId: 'mistralai/Mistral-7B-Instruct-v0.3',
        accelerators: [
          { acceleratorId: sampleIds.accelerator, slug: 'gpu-mi300x1-192gb', type: 'prefill_decode', scale },
        ],
      },
    ],
    createdAt: at(-60_000),
    updatedAt: at(-60_000),
    ...parts,
  });
}

/** A spec that asks for its own end. */
export function sampleDeletion(scale: number): SpecDocument {
  return sampleSpec(scale, { deletion: { requestedAt: at(), requestedBy: 'token-1' } });
}

/** The same model on another accelerator: another template. */
export function sampleOnOtherGpus(scale: number): SpecDocument {
  const accelerator = { acceleratorId: sampleIds.endpoint, slug: 'gpu-h100x1-80gb', type: 'prefill_decode' } as const;
  const { deployments } = sampleSpec(scale);
  return sampleSpec(scale, {
    deployments: deployments.map((model) => ({ ...model, accelerators: [{ ...accelerator, scale }] })),
  });
}

/** An endpoint of two replicas, of which nothing has been seen yet. */
export function sampleProgress(parts: Partial<Progress> & Pick<Progress, 'stage'>): Progress {
  return { ...noProgress, replicas: { desired: 2, ready: 0 }, ...parts };
}

/** Settings with round times. */
export const sampleSettings: PlanSettings = {
  manifests: {
    graceMs: 600_000,
    preStopMs: 2000,
    sizeLabel: null,
    engineOf: () => sim,
    weightsOf: readWeightChoice('') ?? (() => null),
    storage: { endpoint: 'https://storage.test', region: 'us-east-1', network: null },
    kvEvents: false,
  },
  drainTimeoutMs: 600_000,
  changeDeadlineMs: 900_000,
  holdMaxMs: 300_000,
  minimumAfterMs: 60_000,
  reproveMs: 300_000,
  reproveFailures: 3,
  lostAfterMs: 0,
  lostByMs: 25_000,
  hostDomain: 'inference.test',
  caCertificates: () => [],
  upstreamKeyOf: () => 'upstream-key',
  prefixSaltOf: () => 'prefix-salt',
  proofKeyOf: () => 'proof-key',
  writer: 'tester',
};

/** Pod number `index`: ready, unless the parts say otherwise; higher numbers are newer. */
export function samplePod(index: number, parts: Partial<PodView> = {}): PodView {
  return {
    replicaId: `0190000${index}-0000-4000-8000-0000000000bb`,
    name: `engine-${index}`,
    namespace: `fairway-${sampleIds.endpoint}`,
    resourceVersion: String(100 + index),
    pool: sampleIds.pool,
    accelerator: sampleIds.accelerator,
    revision: 'hash',
    createdAt: at(index * 1000),
    deletingAt: undefined,
    node: undefined,
    address: `10.0.0.${index}`,
    port: 8000,
    gpus: 1,
    ready: true,
    unheard: false,
    finished: false,
    restarts: 0,
    stage: { phase: 'proof', reason: 'Proving', message: '' },
    deletionCost: 0,
    ...parts,
  };
}

/** A pod as a pool document lists it. */
export function sampleReplica(pod: PodView, state: PoolReplica['state'], drainDeadline?: string): PoolReplica {
  const { replicaId, name, address = '', port, revision, restarts } = pod;
  return {
    replicaId,
    name,
    address,
    port,
    revision,
    restarts,
    state,
    ...(drainDeadline !== undefined && { drainDeadline }),
  };
}

/** A pool document with these replicas. */
export function samplePool(replicas: PoolReplica[]): PoolDocument {
  return poolDocument({
    endpointId: sampleIds.endpoint,
    vpcId: sampleIds.vpc,
    pool: sampleIds.pool,
    models: ['mistral/mistral-7b-instruct-v3'],
    upstreamKey: 'upstream-key',
    prefixSalt: 'prefix-salt',
    proofKey: 'proof-key',
    replicas,
  });
}

/** A status at revision 1. */
export function sampleStatus(parts: Partial<StatusDocument> = {}): StatusDocument {
  return statusDocument({
    endpointId: sampleIds.endpoint,
    phase: 'proof',
    phaseSince: at(),
    changeSince: at(),
    reason: 'Proving',
    message: '',
    updatedAt: at(),
    writer: 'tester',
    ...parts,
  });
}

/** The live part of a status: `sampleSpec(scale)` at a revision. */
export function sampleLive(scale: number, revision = 1): NonNullable<StatusDocument['live']> {
  const { version, name, enablePublicEndpoint, deployments, createdAt, updatedAt } = sampleSpec(scale);
  return { revision, version, name, enablePublicEndpoint, deployments, createdAt, updatedAt };
}

/** An endpoint of which nothing has been made yet, at revision 1. */
export function sampleObserved(parts: Partial<ObservedState> = {}): ObservedState {
  return {
    endpointId: sampleIds.endpoint,
    vpcId: sampleIds.vpc,
    desired: { kind: 'spec', spec: sampleSpec(2), revision: 1 },
    status: { document: null, seq: 0 },
    resource: null,
    namespace: null,
    gatewayApi: true,
    children: [],
    pods: [],
    room: { nodes: [], pods: [], namespace: '', quotas: [] },
    pools: new Map(),
    gates: new Map(),
    loads: new Map(),
    proofs: new Map(),
    proofsSince: sampleNow,
    listeners: { public: ['http://public'], private: ['http://private'] },
    silence: null,
    newestSeq: 0,
    quarantine: { document: null, seq: 0 },
    word: { document: null, seq: 0 },
    failure: null,
    pastChanges: [],
    renew: false,
    huggingFaceToken: undefined,
    now: sampleNow,
    ...parts,
  };
}
