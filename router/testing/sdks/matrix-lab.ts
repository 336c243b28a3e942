import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import type { TestClock } from '#shared/testing/test-clock.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { readRouterConfig } from '../../config.ts';
import { startRouter, type Router } from '../../service.ts';
import { MemoryLedgerHub } from '../memory-ledger-channel.ts';
import { whenReady } from '../router-fixture.ts';
import { startFaultyReplicas, type FaultyReplicas } from './faulty-replicas.ts';
import { bodyBytesMax } from './matrix-cases.ts';
import { servedModel, type Connection } from './sdk.ts';

/** A router over sockets, with faulty replicas behind it and no other process. */
export interface MatrixLab extends AsyncDisposable {
  readonly router: Router;
  readonly replicas: FaultyReplicas;
  /** The endpoint that the replicas serve, one that has none, and the first for somebody without its key. */
  readonly awake: Connection;
  readonly asleep: Connection;
  readonly stranger: Connection;
  /** The engine itself. */
  readonly direct: Connection;
}

/** Starts both; `env` and `clock` are the router's. */
export async function startMatrixLab(env: Readonly<Record<string, string>>, clock?: TestClock): Promise<MatrixLab> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-matrix-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const [vpcId, hashKey] = [randomUUID(), randomBytes(32)];
  const endpoint = (ports: readonly number[]) => {
    const token = formatToken('access', randomBytes(24));
    const pool = poolDocument({ vpcId, models: [servedModel], replicas: ports.map((port) => replicaAt(port)) });
    return { token, pool, access: accessDocument({ ...pool, hashes: [keyedHash(hashKey, token)] }) };
  };
  const asleep = endpoint([]);
  const replicas = stack.use(await startFaultyReplicas());
  const awake = endpoint(replicas.ports);
  const documents = { access: [asleep.access, awake.access], pools: [asleep.pool, awake.pool] };
  const edgeFile = join(folder, 'edge.json');
  await writeFile(edgeFile, JSON.stringify(documents));
  const config = readRouterConfig({
    FAIRWAY_EDGE_FILE: edgeFile,
    FAIRWAY_REDIS_URL: 'redis://127.0.0.1:1',
    FAIRWAY_VPC_ID: vpcId,
    FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
    FAIRWAY_STATE_DIR: folder,
    FAIRWAY_PROPAGATION_MS: '0',
    FAIRWAY_DRAIN_TIMEOUT_MS: '0',
    FAIRWAY_BODY_BYTES_MAX: String(bodyBytesMax),
    ...env,
  });
  const ledger = new MemoryLedgerHub({ seed: 1, lagMs: 1 }).open('r');
  const overrides = { log: silentLogger(), ledger, ...(clock && { clock }) };
  const router = stack.use(await startRouter(config, overrides));
  await whenReady(router);
  const { url } = router;
  const running = stack.move();
  return {
    router,
    replicas,
    awake: { url, key: awake.token },
    asleep: { url, key: asleep.token },
    stranger: { url, key: 'sk-of-somebody-else' },
    direct: { url: replicas.engineUrl, key: 'any' },
    [Symbol.asyncDispose]: () => passing(clock, running.disposeAsync()),
  };
}

/** Lets time pass until something is over. */
async function passing(clock: TestClock | undefined, ending: Promise<void>): Promise<void> {
  let over = false;
  const ended = ending.finally(() => (over = true));
  while (clock !== undefined && !over) await clock.advance(1000);
  await ended;
}

/** One figure of the router. */
export async function figureOf({ adminUrl }: Router, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(new RegExp(`^fairway_router_${name}(?:\\{\\S*)? (\\S+)$`, 'm').exec(text)?.[1]);
}
