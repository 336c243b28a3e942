import cluster from 'node:cluster';
import { hkdfSync } from 'node:crypto';
import type { AccessDocument } from '#shared/contract/desired.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Gate } from '../access/authenticate.ts';
import type { EdgeCopy } from '../edge/edge-copy.ts';
import type { EdgeMemory } from '../edge/state-file.ts';
import type { AloneOptions } from './alone-options.ts';
import { idOf } from './pools-of.ts';
import { UpstreamsEdgeSource } from './upstreams-edge-source.ts';

/** What makes a router one that stands alone: variables of its environment, and what comes in the place of the outside. */
export interface StandAlone {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly edge: (copy: EdgeCopy) => UpstreamsEdgeSource;
  readonly memory: EdgeMemory;
  readonly alone: NonNullable<Gate['alone']>;
}

const team = 'alone';
/** Time between two questions to an upstream: what it serves. */
const everyMs = 2000;
/** One that takes the place of another has to know what that one knows: as long as a look may take. */
const firstLooksMs = cluster.isWorker ? 2000 : 500;
/** Nothing outlives it: the upstreams tell everything anew. */
const forgetful: EdgeMemory = {
  read: () => Promise.resolve(undefined),
  write: () => {},
  flushed: () => Promise.resolve(),
};

/**
 * A router in front of upstreams that a command line names. Ids and secrets are derived from the upstreams, their keys and the
 * Redis, so that all routers which share these understand each other.
 */
export function standAlone(
  options: AloneOptions,
  given: Readonly<Record<string, string | undefined>>,
  { clock, log }: { clock: Clock; log: Logger },
): StandAlone {
  const { upstreams, aliases, host, port, tokens, open, redisUrl } = options;
  const urls = upstreams.map(({ url }) => url).toSorted();
  const vpcId = idOf('alone', ...urls);
  const endpointId = idOf('endpoint', ...urls);
  const shared = JSON.stringify([redisUrl, ...upstreams.map(({ url, key }) => `${url} ${key}`).toSorted()]);
  const secret = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', shared, '', `fairway route ${purpose}`, 32));
  const hashKey = secret('tokens');
  const createdAt = new Date(clock.now()).toISOString();
  const access: AccessDocument = {
    v: 1,
    kind: 'access',
    endpointId,
    team,
    vpcId,
    hosts: { private: 'localhost' },
    tokens: tokens.map((token, at) => ({
      tokenId: idOf(endpointId, 'token', String(at)),
      name: '',
      hash: keyedHash(hashKey, token),
      managed: false,
      createdAt,
    })),
  };
  const identity = { endpointId, team, vpcId, createdAt, prefixSalt: secret('prefixes').toString('base64url') };
  const anyone = { endpointId, team, tokenId: idOf(endpointId, 'anyone') };
  return {
    env: {
      FAIRWAY_PROPAGATION_MS: '0',
      // Has to be there, and is not written to.
      FAIRWAY_STATE_DIR: '.',
      ...given,
      FAIRWAY_HOST: host,
      FAIRWAY_PORT: port,
      FAIRWAY_REDIS_URL: redisUrl,
      FAIRWAY_VPC_ID: vpcId,
      FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
    },
    edge: (copy) =>
      new UpstreamsEdgeSource({ upstreams, aliases, access, identity, everyMs, firstLooksMs, clock, log }, copy),
    memory: forgetful,
    alone: { ...(tokens.length === 0 && { anyone }), everyName: open },
  };
}
