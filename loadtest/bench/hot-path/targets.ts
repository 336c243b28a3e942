import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath } from '#loadtest/engines/find-program.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { environment } from '#shared/runtime/environment.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { killChild } from '#shared/testing/process-signals.ts';
import { routerNodeFlags } from '../../../router/admit/node-flags.ts';
import { root } from '../clone.ts';
import { treeCpuMs } from '../process-cpu.ts';
import { treeMemory } from '../tree-memory.ts';
import { startProcess } from './bench-process.ts';
import { model } from './bodies.ts';
import { trusting, type LocalTls } from './local-tls.ts';

/** Something that stands between clients and replicas; `direct` is nothing. */
export interface Target {
  readonly name: string;
  readonly port: number;
  readonly token: string;
  readonly tls: boolean;
  cpuMs(): Promise<number>;
  rssBytes(): Promise<number>;
}

/** A router, and where its operators reach it. */
export interface RouterTarget extends Target {
  readonly adminPort: number;
  /** SIGTERM, and wait for the end. */
  stop(): Promise<void>;
}

/** Where all that is started ends, its files are, and what it speaks. */
export interface Place {
  readonly stack: AsyncDisposableStack;
  readonly folder: string;
  /** Both sides speak TLS, with a certificate for `localhost`. */
  readonly tls?: LocalTls | undefined;
}

/** A new one, whose folder goes with the stack. */
export async function placeIn(stack: AsyncDisposableStack): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-hot-path-'));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return { stack, folder };
}

/** Engines in so many processes: the ports of all of them. */
export async function startReplicas(
  { stack, tls }: Place,
  { processes, ports, paceMs }: { processes: number; ports: number; paceMs: number },
): Promise<{ ports: number[]; cpuMs: () => Promise<number> }> {
  const started = Array.from({ length: processes }, () => stack.use(startProcess('replica', { ports, paceMs, tls })));
  const places = await Promise.all(started.map((one) => one.hear<{ ports: number[] }>()));
  const cpuMs = async (): Promise<number> => {
    const times = await Promise.all(started.map((one) => one.cpuMs()));
    return times.reduce((sum, each) => sum + each, 0);
  };
  return { ports: places.flatMap((place) => place.ports), cpuMs };
}

/** A replica without anything before it. */
export function directTo(port: number, { tls }: Place): Target {
  const nothing = (): Promise<number> => Promise.resolve(0);
  return { name: 'direct', port, token: 'none', tls: tls !== undefined, cpuMs: nothing, rssBytes: nothing };
}

/** A proxy of Node's server and undici, without a router. */
export async function startFloor({ stack, tls }: Place, ports: readonly number[]): Promise<Target> {
  const floor = stack.use(startProcess('floor', { ports, tls }, trusting(tls)));
  const { port } = await floor.hear<{ port: number }>();
  return { name: 'Node alone', port, token: 'none', tls: tls !== undefined, ...figuresOf(floor.pid) };
}

/** The nginx on PATH, if there is one. */
export function findNginx(): Promise<string | undefined> {
  return onPath('nginx', environment()['PATH'] ?? '');
}

/** nginx with one worker, which keeps its connections to the replicas and passes everything on as it comes. */
export async function startNginx(
  nginx: string,
  { stack, folder, tls }: Place,
  ports: readonly number[],
): Promise<Target> {
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`);
  const servers = ports.map((each) => `server 127.0.0.1:${each};`);
  const text = `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log stderr crit;
    events { worker_connections 8192; }
    http {
      access_log off; keepalive_requests 1000000; client_max_body_size 16m; ${paths.join(' ')}
      upstream replicas { ${servers.join(' ')} keepalive 64; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${port} ${tls === undefined ? '' : 'ssl'} backlog=4096;
        ${tls === undefined ? '' : `ssl_certificate ${tls.certFile}; ssl_certificate_key ${tls.keyFile};`}
        location / {
          proxy_pass ${tls === undefined ? 'http' : 'https'}://replicas; proxy_http_version 1.1; proxy_set_header Connection "";
          proxy_buffering off; proxy_request_buffering off;
        }
      }
    }`;
  const file = join(folder, 'nginx.conf');
  await writeFile(file, text);
  const child = spawn(nginx, ['-c', file, '-p', folder, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] });
  stack.defer(() => ended(child, 'SIGQUIT'));
  await listens(port);
  return { name: 'nginx', port, token: 'none', tls: tls !== undefined, ...figuresOf(child.pid ?? 0) };
}

/** A router as it runs in production; `checkout`: of another one. */
export async function startRouter(
  { stack, folder, tls }: Place,
  ports: readonly number[],
  {
    redisUrl = 'redis://127.0.0.1:1',
    nodeFlags = [],
    checkout,
    env = {},
  }: {
    redisUrl?: string | undefined;
    nodeFlags?: readonly string[];
    checkout?: string;
    env?: Readonly<Record<string, string>>;
  } = {},
): Promise<RouterTarget> {
  const token = formatToken('access', randomBytes(24));
  const hashKey = randomBytes(32);
  const pool = poolDocument({
    vpcId: randomUUID(),
    models: [model],
    replicas: ports.map((port) => ({ ...replicaAt(port), ...(tls && { scheme: 'https', address: 'localhost' }) })),
  });
  const edge = { access: [accessDocument({ ...pool, hashes: [keyedHash(hashKey, token)] })], pools: [pool] };
  const edgeFile = join(folder, `${pool.pool}.json`);
  await writeFile(edgeFile, JSON.stringify(edge));
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [...routerNodeFlags, ...nodeFlags, join(checkout ?? root, 'router/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...environment(),
      FAIRWAY_EDGE_FILE: edgeFile,
      FAIRWAY_STATE_DIR: folder,
      FAIRWAY_REDIS_URL: redisUrl,
      FAIRWAY_VPC_ID: pool.vpcId,
      FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
      FAIRWAY_PORT: String(port),
      FAIRWAY_ADMIN_PORT: String(adminPort),
      FAIRWAY_PROPAGATION_MS: '0',
      FAIRWAY_DRAIN_TIMEOUT_MS: '0',
      ...(tls && { FAIRWAY_TLS_CERT_FILE: tls.certFile, FAIRWAY_TLS_KEY_FILE: tls.keyFile }),
      ...trusting(tls),
      ...env,
    },
  });
  const stop = (): Promise<void> => ended(child, 'SIGTERM');
  stack.defer(stop);
  await answers(`http://127.0.0.1:${adminPort}/readyz`);
  return {
    name: checkout === undefined ? 'Fairway' : 'Fairway before',
    port,
    token,
    tls: tls !== undefined,
    adminPort,
    stop,
    ...figuresOf(child.pid ?? 0),
  };
}

function figuresOf(pid: number): Pick<Target, 'cpuMs' | 'rssBytes'> {
  return {
    cpuMs: () => treeCpuMs(pid),
    rssBytes: async () => (await treeMemory(pid)).reduce((sum, { rssBytes }) => sum + rssBytes, 0),
  };
}

async function answers(url: string): Promise<void> {
  await eventually(async () => {
    const response = await fetch(url);
    await response.arrayBuffer();
    if (response.status >= 500) throw new Error(`${url} answers ${response.status}`);
  });
}

async function listens(port: number): Promise<void> {
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
    } finally {
      socket.destroy();
    }
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
  child.kill(signal);
  await exit.catch(() => killChild(child));
}
