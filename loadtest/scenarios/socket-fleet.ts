import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatToken } from '#shared/runtime/access-token.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { startBalancer } from '#loadtest/stack/balancer.ts';
import type { Scenario } from '#loadtest/virtual/scenario.ts';
import type { Strain } from '#loadtest/workload/generator/strain.ts';
import { routerNodeFlags } from '../../router/admit/node-flags.ts';
import type { Fleet, SocketFault } from './fleet.ts';
import { Forked } from './forked.ts';
import { requestsAt, slowDown } from './replica-calls.ts';

/** The name that requests call the model by. */
const model = 'simulated';

/** What tells people with the same token apart. */
export const engineerHeader = 'x-engineer';

const upstreamKey = 'sk-upstream';

/** Routers, replicas and Valkey of a scenario, each a process; no control plane. */
export class SocketFleet implements Fleet {
  readonly url: string;
  readonly token: string;
  readonly model = model;
  readonly #parts: FleetParts;

  constructor(place: { url: string; token: string }, parts: FleetParts) {
    this.url = place.url;
    this.token = place.token;
    this.#parts = parts;
  }

  async begin(): Promise<void> {
    for (const one of [...this.#parts.routers, ...this.#parts.replicas]) one.begin();
  }

  async strain(): Promise<{ readonly routers: readonly Strain[]; readonly replicas: readonly Strain[] }> {
    const { routers, replicas } = this.#parts;
    return { routers: await strainsOf(routers), replicas: await strainsOf(replicas) };
  }

  async inFlight(): Promise<number[]> {
    return Promise.all(this.#parts.replicaPorts.map((port) => requestsAt(urlOf(port))));
  }

  async suffer(fault: SocketFault, wait: (seconds: number) => Promise<void>): Promise<void> {
    const { replicas, routers, redis, replicaPorts } = this.#parts;
    switch (fault.kind) {
      case 'slow':
        await Promise.all(
          replicaPorts
            .slice(0, fault.replicas)
            .map((port) => slowDown(urlOf(port), { key: upstreamKey, factor: fault.factor })),
        );
        return;
      case 'kill-replica':
      case 'kill-router': {
        const one = (fault.kind === 'kill-replica' ? replicas : routers)[fault.index];
        await one?.kill();
        await wait(fault.seconds);
        await one?.restart();
        return;
      }
      case 'pause-router':
        await routers[fault.index]?.pause();
        await wait(fault.seconds);
        routers[fault.index]?.resume();
        return;
      case 'redis':
        await redis.kill();
        await wait(fault.seconds);
        await redis.restart();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.stack.disposeAsync();
  }
}

interface FleetParts {
  readonly replicas: readonly Forked[];
  readonly replicaPorts: readonly number[];
  readonly routers: readonly Forked[];
  readonly redis: ChildServer;
  readonly stack: AsyncDisposableStack;
}

/** Starts it. `timeScale`: 0.1 makes the replicas ten times as fast. */
export async function startSocketFleet(scenario: Scenario, timeScale: number): Promise<SocketFleet> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-sockets-'));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const redis = stack.use(await startRedisServer());
  const replicas: Forked[] = [];
  const replicaPorts: number[] = [];
  for (let index = 0; index < scenario.replicas; index += 1) {
    const port = await freePort();
    replicas.push(stack.use(await startReplica(scenario, { port, timeScale })));
    replicaPorts.push(port);
  }
  const hashKey = randomBytes(32);
  const token = formatToken('access', randomBytes(24));
  const { vpcId, edgeFile } = await writeEdge(scenario, { folder, replicaPorts, hash: keyedHash(hashKey, token) });
  const env = {
    FAIRWAY_EDGE_FILE: edgeFile,
    FAIRWAY_REDIS_URL: redis.url,
    FAIRWAY_VPC_ID: vpcId,
    FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
    ...(!scenario.lateBinding && { FAIRWAY_LATE_BINDING: 'off' }),
  };
  const routers: Forked[] = [];
  const targets: { port: number; adminPort: number }[] = [];
  for (let index = 0; index < scenario.routers; index += 1) {
    const ports = { port: await freePort(), adminPort: await freePort() };
    const own = { FAIRWAY_STATE_DIR: join(folder, `router-${index}`), FAIRWAY_ROUTER_ID: `router-${index}` };
    routers.push(stack.use(await startRouter({ ...env, ...own }, ports)));
    targets.push(ports);
  }
  const [only] = targets;
  const port = targets.length === 1 && only !== undefined ? only.port : await freePort();
  if (targets.length > 1) stack.use(await startBalancer({ port, targets }, systemClock));
  const parts = { replicas, replicaPorts, routers, redis, stack: stack.move() };
  return new SocketFleet({ url: `http://127.0.0.1:${port}`, token }, parts);
}

async function strainsOf(all: readonly Forked[]): Promise<readonly Strain[]> {
  return (await Promise.all(all.map((one) => one.strain()))).filter((strain) => strain !== undefined);
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function startReplica({ preset }: Scenario, { port, timeScale }: { port: number; timeScale: number }): Promise<Forked> {
  return Forked.start({
    main: 'loadtest/sim/main.ts',
    args: [`--port=${port}`, `--model=${model}`, `--preset=${preset.name}`, `--time-scale=${timeScale}`],
    env: { FAIRWAY_SIM_API_KEY: upstreamKey },
    readyUrl: `http://127.0.0.1:${port}/health`,
  });
}

function startRouter(
  env: Readonly<Record<string, string>>,
  { port, adminPort }: { port: number; adminPort: number },
): Promise<Forked> {
  return Forked.start({
    main: 'router/main.ts',
    nodeFlags: routerNodeFlags,
    env: { ...env, FAIRWAY_PORT: String(port), FAIRWAY_ADMIN_PORT: String(adminPort) },
    readyUrl: `http://127.0.0.1:${adminPort}/readyz`,
  });
}

/** The endpoint's documents, as the API and the provisioner write them. */
async function writeEdge(
  { policy, preset }: Scenario,
  parts: { folder: string; replicaPorts: readonly number[]; hash: string },
): Promise<{ vpcId: string; edgeFile: string }> {
  const { folder, replicaPorts, hash } = parts;
  const vpcId = randomUUID();
  const plain = poolDocument({
    vpcId,
    models: [model],
    upstreamKey,
    replicas: replicaPorts.map((port) => replicaAt(port)),
  });
  const { kvTokens, blockTokens, maxModelTokens: contextTokensMax } = preset;
  const engine = { ...plain.engine, kvTokens, blockTokens, contextTokensMax };
  const pool = { ...plain, engine, routing: { policy } };
  const { tokens, ...access } = accessDocument({ endpointId: pool.endpointId, vpcId, hashes: [hash] });
  const flowed = { ...access, tokens: tokens.map((one) => ({ ...one, flowHeader: engineerHeader })) };
  const edgeFile = join(folder, 'edge.json');
  await writeFile(edgeFile, JSON.stringify({ access: [flowed], pools: [pool] }), { mode: 0o600 });
  return { vpcId, edgeFile };
}
