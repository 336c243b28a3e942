import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessDocument } from '#shared/contract/desired.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { silentLogger, type Logger } from '#shared/runtime/log.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { makeEdgeStreams } from '#shared/testing/test-streams.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { readRouterConfig, type RouterConfig } from '../config.ts';
import { startRouter, type Router, type RouterOverrides } from '../service.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';

/** One endpoint with a token and a pool, written as the API and the provisioner write them. */
export interface EdgeEndpoint {
  readonly endpointId: string;
  readonly pool: string;
  readonly token: string;
  readonly host: string;
  document: PoolDocument;
  access: AccessDocument;
}

/** Real NATS and Redis with the documents of one VPC. */
export interface Edge extends AsyncDisposable {
  readonly vpcId: string;
  readonly nats: RegionNats;
  readonly redis: ChildServer;
  readonly client: Nats;
  readonly stateDir: string;
  readonly hashKey: Uint8Array;
  /** Publishes an endpoint whose pool has replicas at these ports. */
  addEndpoint(ports: readonly number[], models?: string[]): Promise<EdgeEndpoint>;
  /** Publishes the endpoint's documents as they are now; gives the pool's revision. */
  publish(endpoint: EdgeEndpoint): Promise<number>;
  /** Starts a router that is ready; `env`: the variables that differ from the default. */
  startRouter(differing?: {
    env?: Readonly<Record<string, string>>;
    log?: Logger;
    apis?: RouterOverrides['apis'];
  }): Promise<Router>;
}

/** Prepares an edge on servers of its own. */
export async function startEdge(): Promise<Edge> {
  const vpcId = randomUUID();
  await using stack = new AsyncDisposableStack();
  const stateDir = await mkdtemp(join(tmpdir(), 'fairway-router-'));
  stack.defer(() => rm(stateDir, { recursive: true, force: true }));
  const nats = stack.use(await startRegionNats({ vpcIds: [vpcId] }));
  const redis = stack.use(await startRedisServer());
  const client = stack.use(await connectNats({ url: nats.url, name: 'test', log: silentLogger() }));
  await makeEdgeStreams(client, vpcId);
  const hashKey = randomBytes(32);
  const config = (env: Readonly<Record<string, string>>): RouterConfig =>
    readRouterConfig({
      FAIRWAY_NATS_URL: nats.urlOf({ role: 'router', vpcId }),
      FAIRWAY_REDIS_URL: redis.url,
      FAIRWAY_VPC_ID: vpcId,
      FAIRWAY_TOKEN_HASH_KEY: Buffer.from(hashKey).toString('base64url'),
      FAIRWAY_STATE_DIR: stateDir,
      FAIRWAY_PROPAGATION_MS: '0',
      FAIRWAY_DRAIN_TIMEOUT_MS: '200',
      FAIRWAY_CAPACITY_TIMEOUT_MS: '300',
      FAIRWAY_SCRAPE_MS: '100',
      ...env,
    });
  const publish = async ({ document, access }: EdgeEndpoint): Promise<number> => {
    const { endpointId, pool } = document;
    await client.js.publish(subjects.access(vpcId, endpointId), JSON.stringify(access));
    return (await client.js.publish(subjects.pool(vpcId, endpointId, pool), JSON.stringify(document))).seq;
  };
  const servers = stack.move();
  return {
    vpcId,
    nats,
    redis,
    client,
    stateDir,
    hashKey,
    publish,
    addEndpoint: async (ports, models = ['test-model']) => {
      const endpoint = makeEndpoint({ vpcId, hashKey, ports, models });
      await publish(endpoint);
      return endpoint;
    },
    startRouter: async ({ env = {}, log = silentLogger(), apis } = {}) => {
      await using starting = new AsyncDisposableStack();
      const router = starting.use(await startRouter(config(env), { log, ...(apis !== undefined && { apis }) }));
      await whenReady(router);
      starting.move();
      return router;
    },
    [Symbol.asyncDispose]: () => servers.disposeAsync(),
  };
}

/** Waits until a router says that it is ready. */
export async function whenReady(router: Router): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`${router.adminUrl}/readyz`);
    if (!response.ok) throw new Error(await response.text());
  });
}

function makeEndpoint(parts: {
  vpcId: string;
  hashKey: Uint8Array;
  ports: readonly number[];
  models: string[];
}): EdgeEndpoint {
  const { vpcId, hashKey, ports, models } = parts;
  const token = formatToken('access', randomBytes(24));
  const document = poolDocument({ vpcId, models, replicas: ports.map((port) => replicaAt(port)) });
  const { endpointId, pool } = document;
  const access = accessDocument({ endpointId, vpcId, hashes: [keyedHash(hashKey, token)] });
  return { endpointId, pool, token, host: access.hosts.private, document, access };
}
