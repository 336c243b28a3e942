import { randomBytes, randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '#shared/runtime/clock.ts';
import { environment } from '#shared/runtime/environment.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { routerNodeFlags } from '../../admit/node-flags.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { killChild } from '#shared/testing/process-signals.ts';
import type { Started } from '#shared/testing/started.ts';
import type { PeersJob } from './peers.ts';

/** A crowd of clients, or an engine: a process that says lines of JSON. */
export interface Peers {
  /** The next line. */
  next<T>(): Promise<T>;
  /** Lets it go on to what it does next. */
  goOn(): void;
  kill(): Promise<void>;
}

/** A router as it runs in production, with an engine behind it, each a process. */
export interface RouterProcess {
  /** A figure of its metrics, all labels together. */
  metric(name: string): Promise<number>;
  /** Its memory is not looked at any more: each look begins its metrics of the event loop anew. */
  rest(): void;
  /** The most memory that it was seen to take so far, bytes. */
  peakBytes(): number;
  /**
   * Resolves when all are connected. A crowd belongs to one endpoint; who asks alone, to another, with an engine of its own.
   * `port`: not to the router.
   */
  peers(job: Pick<PeersJob, 'what' | 'count' | 'bytes'> & { port?: number }): Promise<Peers>;
}

const mainFile = join(import.meta.dirname, '../../main.ts');
const peersFile = join(import.meta.dirname, 'peers.ts');

/** Starts both. `env`: what differs from the defaults; `crowdYields`: the kernel prefers others to crowds and their engine. */
export async function startRouterProcess(
  started: Started,
  env: Readonly<Record<string, string>>,
  { crowdYields = false }: { crowdYields?: boolean } = {},
): Promise<RouterProcess> {
  const token = formatToken('access', randomBytes(24));
  const otherToken = formatToken('access', randomBytes(24));
  const hashKey = randomBytes(32);
  const vpcId = randomUUID();
  const folder = await started.folder('fairway-slow-peers-');
  const endpoints = await Promise.all(
    [token, otherToken].map(async (each) => {
      const port = await startServer(started, { what: 'engine', yields: crowdYields && each === token });
      const pool = poolDocument({ vpcId, models: ['m'], replicas: [replicaAt(port)] });
      return { pool, access: accessDocument({ ...pool, hashes: [keyedHash(hashKey, each)] }) };
    }),
  );
  const edgeFile = join(folder, 'edge.json');
  const edge = { access: endpoints.map(({ access }) => access), pools: endpoints.map(({ pool }) => pool) };
  await writeFile(edgeFile, JSON.stringify(edge));
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [...routerNodeFlags, mainFile], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...environment(),
      FAIRWAY_EDGE_FILE: edgeFile,
      FAIRWAY_STATE_DIR: folder,
      FAIRWAY_REDIS_URL: 'redis://127.0.0.1:1',
      FAIRWAY_VPC_ID: vpcId,
      FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
      FAIRWAY_PORT: String(port),
      FAIRWAY_ADMIN_PORT: String(adminPort),
      ...env,
    },
  });
  started.child(child);
  const read = async (path: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
    if (!response.ok) throw new Error(await response.text());
    return response.text();
  };
  await eventually(() => read('/readyz'));
  const metric = async (name: string): Promise<number> => {
    const lines = (await read('/metrics')).split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  let peak = 0;
  let isWatched = true;
  const watch = async (): Promise<void> => {
    if (!isWatched) return;
    peak = Math.max(peak, await metric('process_resident_memory_bytes'));
  };
  started.keep(startLoop({ name: 'memory', everyMs: 100, clock: systemClock, log: silentLogger() }, watch));
  return {
    metric,
    rest: () => void (isWatched = false),
    peakBytes: () => peak,
    async peers(job) {
      const own = job.what === 'one';
      const mine = { token: own ? otherToken : token, yields: crowdYields && !own };
      const peers = startPeers(started, { port, ...job, ...mine });
      await peers.next();
      return peers;
    },
  };
}

/** Starts an engine, or a bare server; gives its port. */
export async function startServer(started: Started, job: Pick<PeersJob, 'what' | 'yields'>): Promise<number> {
  const server = startPeers(started, { ...job, port: 0, token: '', count: 0, bytes: 0 });
  const { port } = await server.next<{ port: number }>();
  return port;
}

function startPeers(started: Started, job: PeersJob): Peers {
  const child: ChildProcess = spawn(process.execPath, [peersFile, JSON.stringify(job)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  started.child(child);
  if (child.stdout === null) throw new Error('it has no standard output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async next<T>() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${job.what} ended`);
      return JSON.parse(value) as T;
    },
    goOn: () => void child.stdin?.write('\n'),
    kill: () => killChild(child),
  };
}
