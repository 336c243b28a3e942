import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { auditDocumentSchema } from './audit.ts';
import { commandSchemas } from './commands.ts';
import { accessSchema, desiredSchema, intentsMax, nameSchema } from './desired.ts';
import { apiTokenDocumentSchema } from './identity.ts';
import {
  drainReportSchema,
  lastUseDocumentSchema,
  poolDocumentSchema,
  routerRegistrationSchema,
  useReportSchema,
} from './replica.ts';
import { clusterDocumentSchema, infraResourceSchema, quarantineDocumentSchema, wordDocumentSchema } from './infra.ts';
import { eventDocumentSchema, statusDocumentSchema } from './status.ts';

const id = (number: number): string => `0190a1b2-c3d4-8001-8000-${String(number).padStart(12, '0')}`;
const at = '2026-11-22T18:00:00.000Z';
const deployment = {
  modelId: id(2),
  slug: 'a/b',
  provider: 'hugging_face',
  providerModelId: 'a/b',
  accelerators: [{ acceleratorId: id(3), slug: 'gpu-h100x1-80gb', type: 'prefill_decode', scale: 2 }],
};
const spec = {
  v: 1,
  kind: 'spec',
  endpointId: id(1),
  team: 'team-1',
  region: 'atl1',
  vpcId: id(9),
  vpcGiven: false,
  name: 'assistant',
  enablePublicEndpoint: true,
  deployments: [deployment],
  version: 1,
  createdAt: at,
  updatedAt: at,
  createdBy: 'api-token-1',
  sealedHuggingFaceToken: { enc: 'e', ct: 'c' },
  intents: [
    {
      intentId: id(4),
      verb: 'create',
      actor: 't',
      requestId: 'r',
      summary: 's',
      bodyHash: 'h',
      previousHash: null,
      contentHash: 'h',
      revision: null,
      at: 1,
    },
  ],
  deletion: { requestedAt: at, requestedBy: 'api-token-1' },
};
const status = {
  v: 1,
  endpointId: id(1),
  state: 'active',
  lifecycleSeq: 3,
  observedRevision: 17,
  live: {
    revision: 17,
    version: 1,
    name: 'assistant',
    enablePublicEndpoint: true,
    deployments: [deployment],
    createdAt: at,
    updatedAt: at,
  },
  phase: 'done',
  phaseSince: at,
  changeSince: at,
  reason: 'Proved',
  message: '',
  conditions: [
    { type: 'Ready', status: 'True', reason: 'r', message: 'm', observedRevision: 17, lastTransitionTime: at },
  ],
  replicas: { desired: 2, ready: 2 },
  replicaList: [{ replicaId: id(5), name: 'pod', state: 'ready', reason: '' }],
  draining: { replicas: 1, inflight: null, oldest: null, deadline: at, message: '', at },
  hosts: { public: 'a', private: 'b' },
  rejection: null,
  history: [{ phase: 'done', at, reason: 'Proved' }],
  updatedAt: at,
  writer: 'provisioner-1',
};
const pool = {
  v: 1,
  endpointId: id(1),
  team: 'team-1',
  vpcId: id(9),
  pool: id(2),
  specRevision: 17,
  models: ['a/b'],
  engine: {
    profile: 'sim',
    healthPath: '/health',
    metricsPath: '/metrics',
    metrics: { running: 'a', waiting: 'b', kvUse: 'c' },
    kvTokens: 1,
    blockTokens: 16,
    contextTokensMax: 1,
  },
  upstreamKey: 'k',
  proofKey: 'p',
  replicas: [
    {
      replicaId: id(5),
      name: 'pod',
      address: '10.0.0.1',
      port: 8000,
      revision: 'r',
      restarts: 2,
      state: 'draining',
      drainDeadline: at,
    },
  ],
};

/** Every document that crosses a process boundary, whole. */
const documents: [name: string, schema: z.ZodType, document: Record<string, unknown>][] = [
  ['spec', desiredSchema, spec],
  [
    'tombstone',
    desiredSchema,
    { v: 1, kind: 'tombstone', endpointId: id(1), team: 'team-1', deletedAt: at, intents: [] },
  ],
  [
    'access',
    accessSchema,
    {
      v: 1,
      kind: 'access',
      endpointId: id(1),
      team: 'team-1',
      vpcId: id(9),
      hosts: { private: 'b' },
      tokens: [{ tokenId: id(6), name: 'first', hash: 'h', managed: true, createdAt: at }],
    },
  ],
  ['revoked access', accessSchema, { v: 1, kind: 'revoked', endpointId: id(1), vpcId: id(9) }],
  ['name', nameSchema, { v: 1, kind: 'name', endpointId: id(1), name: 'assistant' }],
  ['released name', nameSchema, { v: 1, kind: 'released' }],
  ['status', statusDocumentSchema, status],
  [
    'event',
    eventDocumentSchema,
    {
      v: 1,
      endpointId: id(1),
      team: 't',
      at,
      actor: 'a',
      type: 't',
      phase: 'p',
      reason: 'r',
      message: 'm',
      hint: 'h',
      revision: 1,
    },
  ],
  [
    'audit line',
    auditDocumentSchema,
    {
      v: 1,
      document: 'spec',
      endpointId: id(1),
      team: 't',
      at,
      actor: 'a',
      action: 'create',
      intentId: id(4),
      requestId: 'r',
      revision: 1,
      summary: 's',
      before: null,
      after: 'h',
    },
  ],
  ['pool', poolDocumentSchema, pool],
  ['report of used tokens', useReportSchema, { v: 1, day: '2026-11-22', tokens: { [id(1)]: [id(6)] } }],
  ['last use', lastUseDocumentSchema, { v: 1, endpointId: id(1), days: { [id(6)]: '2026-11-22' } }],
  [
    'drain report',
    drainReportSchema,
    {
      v: 1,
      routerId: 'r1',
      vpcId: id(9),
      epoch: 1,
      edgeRevision: 5,
      listeners: { public: 'http://127.0.0.1:1', private: 'http://127.0.0.1:1' },
      inFlight: { [id(5)]: 3 },
      oldestAt: { [id(5)]: 1_700_000_000_000 },
      leaving: false,
    },
  ],
  [
    'router registration',
    routerRegistrationSchema,
    { v: 1, routerId: 'r1', vpcId: id(9), epoch: 1, pod: { namespace: 'n', name: 'p', uid: 'u' } },
  ],
  [
    'cluster',
    clusterDocumentSchema,
    {
      v: 1,
      vpcId: id(9),
      region: 'atl1',
      state: 'ready',
      reason: 'Ready',
      message: '',
      greatestIntentSeq: 17,
      updatedAt: at,
      writer: 'provisioner-1',
    },
  ],
  [
    'endpoint in quarantine',
    quarantineDocumentSchema,
    {
      v: 1,
      endpointId: id(1),
      vpcId: id(9),
      spec: { team: 't', version: 1, name: 'n', enablePublicEndpoint: true, deployments: [deployment] },
      intentSeq: 17,
      since: at,
    },
  ],
  ['word of an operator', wordDocumentSchema, { v: 1, word: 'sweep', by: 'ann', at }],
  [
    'resource outside',
    infraResourceSchema,
    {
      v: 1,
      callerKey: 'pool_1',
      vpcId: id(9),
      kind: 'node_pool',
      state: 'calling',
      externalId: null,
      users: [id(1)],
      updatedAt: at,
      writer: 'provisioner-1',
    },
  ],
  [
    'API token',
    apiTokenDocumentSchema,
    { v: 1, tokenId: 'a', team: 't', scopes: ['dedicated_inference:read'], expiresAt: null, revoked: false },
  ],
  ['get command', commandSchemas.get, { v: 1, token: 't', id: id(1) }],
  ['delete command', commandSchemas.delete, { v: 1, token: 't', id: id(1), idempotencyKey: 'k' }],
];

describe.each(documents)('the %s', (name, schema, document) => {
  it('comes back from JSON as it went', () => {
    expect(schema.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });

  it.each([2, 0, '1', null, undefined])('is refused with v = %j', (v) => {
    expect(schema.safeParse({ ...document, v }).success).toBe(false);
  });

  it('needs each of its members, but those that are optional', () => {
    const optional = new Set([
      'sealedHuggingFaceToken',
      'deletion',
      'idempotencyKey',
      'pod',
      'draining',
      'oldestAt',
      ...(name === 'tombstone' ? ['intents'] : []),
    ]);
    for (const key of Object.keys(document)) {
      const rest = Object.fromEntries(Object.entries(document).filter(([other]) => other !== key));
      expect([key, schema.safeParse(rest).success]).toEqual([key, optional.has(key)]);
    }
  });
});

describe('bounds', () => {
  it('of the intents that a spec remembers', () => {
    const intents = (count: number): unknown => ({ ...spec, intents: Array(count).fill(spec.intents[0]) });
    expect(desiredSchema.safeParse(intents(intentsMax)).success).toBe(true);
    expect(desiredSchema.safeParse(intents(intentsMax + 1)).success).toBe(false);
  });

  it.each(['', 'A', 'a.b', 'a*', '>', 'a b', '-a', 'a'.repeat(64)])(
    'a team is not %j: it is part of a subject',
    (team) => {
      expect(desiredSchema.safeParse({ ...spec, team }).success).toBe(false);
    },
  );

  it.each(['', 'x', id(1).toUpperCase(), `${id(1)} `, '*'])('an id is not %j', (endpointId) => {
    expect(desiredSchema.safeParse({ ...spec, endpointId }).success).toBe(false);
  });

  it('no document has a status that the lifecycle does not know', () => {
    expect(statusDocumentSchema.safeParse({ ...status, state: 'running' }).success).toBe(false);
    expect(statusDocumentSchema.safeParse({ ...status, state: 'gone' }).success).toBe(true);
  });
});
