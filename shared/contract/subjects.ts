/** Every subject, stream, bucket and Redis key, as functions and data: nobody writes one by hand. */

const mebibyte = 1024 * 1024;
const dayMs = 24 * 60 * 60 * 1000;

/** What expires is told by a marker that stays this long; who was away for longer finds that it is absent. */
const markerTtlMs = 60 * 60 * 1000;

const bucket = (name: string) =>
  ({
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    keep: 'document',
    maxBytes: 64 * mebibyte,
    maxMessageBytes: mebibyte,
    markerTtlMs,
    bucket: true,
  }) as const;

/** Streams and buckets of a region, as data that `shared/runtime/nats` makes and verifies (`StreamDefinition`). */
export const streams = {
  desired: {
    name: 'DESIRED',
    subjects: ['fairway.spec.*', 'fairway.access.*.*', 'fairway.name.*.*'],
    keep: 'document',
    maxBytes: 512 * mebibyte,
    maxMessageBytes: mebibyte,
    markerTtlMs,
    denyDelete: true,
  },
  status: {
    name: 'STATUS',
    subjects: ['fairway.status.*'],
    keep: 'document',
    maxBytes: 512 * mebibyte,
    maxMessageBytes: mebibyte,
    markerTtlMs,
  },
  events: {
    name: 'EVENTS',
    subjects: ['fairway.event.*'],
    keep: 'log',
    maxBytes: 256 * mebibyte,
    maxAgeMs: 30 * dayMs,
    maxMessageBytes: 64 * 1024,
  },
  audit: {
    name: 'AUDIT',
    subjects: ['fairway.audit.*.*'],
    keep: 'log',
    maxBytes: 256 * mebibyte,
    maxAgeMs: 400 * dayMs,
    maxMessageBytes: 64 * 1024,
  },
  used: {
    name: 'USED',
    subjects: ['fairway.used.*'],
    keep: 'document',
    maxBytes: 64 * mebibyte,
    maxAgeMs: 400 * dayMs,
    maxMessageBytes: 256 * 1024,
    markerTtlMs,
  },
  identity: {
    name: 'IDENTITY',
    subjects: ['fairway.identity.*.*'],
    keep: 'document',
    maxBytes: 64 * mebibyte,
    maxMessageBytes: 64 * 1024,
  },
  edge: bucket('edge'),
  infra: bucket('infra'),
  leases: bucket('leases'),
} as const;

/**
 * What the routers of one VPC read: whole streams of their own, mirrors of a part of another stream, since a right to read
 * can be given for whole streams only. Sequences are those of the origin.
 */
export const edgeStreams = {
  access: (vpcId: string) => ({
    name: `ACCESS_${vpcId}`,
    origin: streams.desired,
    from: subjects.accessOfVpc(vpcId),
    to: subjects.accessOfVpc(vpcId),
  }),
  pools: (vpcId: string) => ({
    name: `POOLS_${vpcId}`,
    origin: streams.edge,
    from: subjects.poolsOfVpc(vpcId),
    to: `pool.${vpcId}.>`,
  }),
} as const;

/** The share of DESIRED's bytes above which creates and updates are refused; deletes never are. */
export const desiredFullRatio = 0.8;

/** Tombstones live this long. */
export const tombstoneTtlMs = 30 * dayMs;

/** A released name, a revoked access document and a final status live this long: readers have seen them by then. */
export const releaseTtlMs = 60 * 60 * 1000;

/** Subjects of documents and reports. */
export const subjects = {
  spec: (endpointId: string) => `fairway.spec.${endpointId}`,
  everySpec: 'fairway.spec.*',
  access: (vpcId: string, endpointId: string) => `fairway.access.${vpcId}.${endpointId}`,
  everyAccess: 'fairway.access.*.*',
  accessOfVpc: (vpcId: string) => `fairway.access.${vpcId}.>`,
  name: (team: string, nameHash: string) => `fairway.name.${team}.${nameHash}`,
  status: (endpointId: string) => `fairway.status.${endpointId}`,
  everyStatus: 'fairway.status.*',
  event: (endpointId: string) => `fairway.event.${endpointId}`,
  /** Each document of an endpoint has lines of its own, its spec with the tombstone and its access; so has a region's operator. */
  audit: (of: 'spec' | 'access' | 'operator', id: string) => `fairway.audit.${of}.${id}`,
  apiToken: (tokenHash: string) => `fairway.identity.token.${tokenHash}`,
  everyApiToken: 'fairway.identity.token.*',
  team: (team: string) => `fairway.identity.team.${team}`,
  everyTeam: 'fairway.identity.team.*',
  vpc: (vpcId: string) => `fairway.identity.vpc.${vpcId}`,
  everyVpc: 'fairway.identity.vpc.*',
  pool: (vpcId: string, endpointId: string, pool: string) => `$KV.edge.pool.${vpcId}.${endpointId}.${pool}`,
  poolsOfVpc: (vpcId: string) => `$KV.edge.pool.${vpcId}.>`,
  poolsOfEndpoint: (vpcId: string, endpointId: string) => `$KV.edge.pool.${vpcId}.${endpointId}.>`,
  router: (vpcId: string, routerId: string) => `$KV.infra.router.${vpcId}.${routerId}`,
  routersOfVpc: (vpcId: string) => `$KV.infra.router.${vpcId}.*`,
  lease: (vpcId: string, shard: number) => `$KV.leases.shard.${vpcId}.${shard}`,
  leasesOfVpc: (vpcId: string) => `$KV.leases.shard.${vpcId}.*`,
  member: (vpcId: string, instanceId: string) => `$KV.leases.member.${vpcId}.${instanceId}`,
  membersOfVpc: (vpcId: string) => `$KV.leases.member.${vpcId}.*`,
  cluster: (vpcId: string) => `$KV.infra.cluster.${vpcId}`,
  everyCluster: '$KV.infra.cluster.*',
  quarantine: (vpcId: string, endpointId: string) => `$KV.infra.quarantine.${vpcId}.${endpointId}`,
  quarantinesOfVpc: (vpcId: string) => `$KV.infra.quarantine.${vpcId}.*`,
  word: (vpcId: string, endpointId: string) => `$KV.infra.word.${vpcId}.${endpointId}`,
  everyWord: '$KV.infra.word.*.*',
  resource: (vpcId: string, callerKey: string) => `$KV.infra.resource.${vpcId}.${callerKey}`,
  drain: (vpcId: string, routerId: string) => `fairway.drain.${vpcId}.${routerId}`,
  everyDrain: 'fairway.drain.*.*',
  use: (vpcId: string, routerId: string) => `fairway.use.${vpcId}.${routerId}`,
  everyUse: 'fairway.use.*.*',
  used: (endpointId: string) => `fairway.used.${endpointId}`,
  command: (team: string, region: string, verb: string) => `fairway.v1.${team}.${region}.cmd.${verb}`,
  commandsOfRegion: (region: string) => `fairway.v1.*.${region}.cmd.*`,
  teamEvent: (team: string, region: string, endpointId: string) => `fairway.v1.${team}.${region}.evt.${endpointId}`,
} as const;

/** The last token of a subject: the endpoint's id of spec, status, access, event and audit subjects. */
export function lastToken(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

/** Redis channels and keys. The VPC stands in braces: all keys of one script share a hash slot. */
export const redisKeys = {
  ledgerChannel: (vpcId: string) => `fairway:{${vpcId}}:ledger`,
  /** What is for one router alone. */
  ledgerTo: (vpcId: string, routerId: string) => `fairway:{${vpcId}}:ledger:${routerId}`,
  routerRow: (vpcId: string, routerId: string) => `fairway:{${vpcId}}:router:${routerId}`,
  /** Which replica keeps an answer, by the answer's keyed hash. */
  keptAnswer: (vpcId: string, key: string) => `fairway:{${vpcId}}:answer:${key}`,
  /** The keys of all of these, by when they were given: what there is too much of goes from its begin. */
  keptAnswers: (vpcId: string) => `fairway:{${vpcId}}:answers`,
} as const;
