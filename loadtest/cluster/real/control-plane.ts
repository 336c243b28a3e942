import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { ConfigError } from '#shared/runtime/read-config.ts';
import { readKubeconfig, writeKubeconfig } from '../client/kubeconfig.ts';
import { KubeHttp } from '../client/kube-http.ts';

/** Where a real control plane has its programs (`kubernetes-binaries.ts`) and its state, and the API server's port. */
export interface ControlPlanePlace {
  binaries: string;
  /** For this control plane alone; it is made when it is missing. */
  folder: string;
  port: number;
  /** More flags of kube-apiserver. */
  apiArgs?: readonly string[];
}

/** One program of a control plane, to be started once those before it are ready. */
export interface ControlPlanePart {
  name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler';
  command: string;
  args: string[];
  /** Throws until it answers. */
  ready: () => Promise<void>;
}

/** What Fairway relies on. None that writes EndpointSlices, which refuse the loopback addresses of pods, nor one that judges nodes. */
const controllers =
  'deployment,replicaset,job,namespace,garbage-collector,serviceaccount,serviceaccount-token,root-ca-certificate-publisher,disruption,resourcequota';

/** Above the defaults of 20 and 50 writes per second, which spare the API server of a fleet and would be all that a run of hundreds of pods measures. */
const hurried = { 'kube-api-qps': '500', 'kube-api-burst': '1000' };

/** The longest path of a socket file on Linux and macOS, bytes. */
const socketPathMax = 103;

/** Path of the kubeconfig (JSON, mode 0600) of the user who may do everything. */
export function adminKubeconfig(folder: string): string {
  return join(folder, 'kubeconfig');
}

/**
 * Writes what etcd, kube-apiserver, controllers and scheduler start from (keys, tokens, kubeconfigs; objects of an earlier
 * run stay), and says how to start them. Flags after envtest's and kwok's. @throws ConfigError when the path is too long.
 */
export async function prepareControlPlane(place: ControlPlanePlace): Promise<ControlPlanePart[]> {
  const { binaries, folder, port } = place;
  const socket = join(folder, 'etcd.sock');
  const tokens = join(folder, 'tokens.csv');
  const serviceKey = join(folder, 'service-accounts.pem');
  if (Buffer.byteLength(socket) > socketPathMax)
    throw new ConfigError(
      `${folder} is too long a path for etcd's socket (${socketPathMax} bytes at most); use a shorter one.`,
    );
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Made by the API server at its first start; one of an earlier run may have expired.
  const certificates = join(folder, 'certificates');
  await rm(certificates, { recursive: true, force: true });
  const caFile = join(certificates, 'apiserver.crt');
  await keepServiceKey(serviceKey);
  const users = [
    { name: 'admin', group: 'system:masters', file: adminKubeconfig(folder) },
    { name: 'system:kube-controller-manager', group: 'system:masters', file: join(folder, 'controllers.kubeconfig') },
    { name: 'system:kube-scheduler', group: '', file: join(folder, 'scheduler.kubeconfig') },
  ].map((user) => ({ ...user, token: randomBytes(24).toString('base64url') }));
  const rows = users.map(({ name, group, token }) => `${token},${name},${name},"${group}"\n`);
  await writeFile(tokens, rows.join(''), { mode: 0o600 });
  for (const { file, token } of users) await writeKubeconfig(file, { url: `https://127.0.0.1:${port}`, token, caFile });

  const part = (name: ControlPlanePart['name'], args: string[], ready: () => Promise<void>): ControlPlanePart => {
    return { name, command: join(binaries, name), args, ready };
  };
  const admin = adminKubeconfig(folder);
  return [
    part('etcd', etcdFlags(folder, socket), () => accepts(socket)),
    part('kube-apiserver', apiServerFlags({ ...place, socket, tokens, serviceKey, certificates }), () =>
      answers(admin, '/readyz'),
    ),
    part(
      'kube-controller-manager',
      flags({
        kubeconfig: users[1]?.file ?? '',
        'leader-elect': 'false',
        'secure-port': '0',
        'service-account-private-key-file': serviceKey,
        'root-ca-file': caFile,
        'controller-start-interval': '0s',
        ...hurried,
        controllers: controllers.replaceAll(/[^,]+/g, '$&-controller'),
      }),
      () => answers(admin, '/api/v1/namespaces/default/serviceaccounts/default'),
    ),
    part(
      'kube-scheduler',
      flags({ kubeconfig: users[2]?.file ?? '', 'leader-elect': 'false', 'secure-port': '0', ...hurried }),
      () => Promise.resolve(),
    ),
  ];
}

/** A lone member on a socket file; it outlives `kill -9`, not a power cut. */
function etcdFlags(folder: string, socket: string): string[] {
  const nowhere = 'http://127.0.0.1:1';
  return flags({
    name: 'alone',
    'data-dir': join(folder, 'etcd'),
    'log-level': 'error',
    'unsafe-no-fsync': 'true',
    // It elects itself: the defaults cost 0.4 s.
    'heartbeat-interval': '20',
    'election-timeout': '200',
    'listen-client-urls': `unix://${socket}`,
    'advertise-client-urls': `unix://${socket}`,
    'listen-peer-urls': `unix://${folder}/peer.sock`,
    'initial-advertise-peer-urls': nowhere,
    'initial-cluster': `alone=${nowhere}`,
  });
}

function apiServerFlags(
  place: ControlPlanePlace & { socket: string; tokens: string; serviceKey: string; certificates: string },
): string[] {
  const common = flags({
    'etcd-servers': `unix://${place.socket}`,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': String(place.port),
    'cert-dir': place.certificates,
    'endpoint-reconciler-type': 'none',
    'token-auth-file': place.tokens,
    'authorization-mode': 'RBAC',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': place.serviceKey,
    'service-account-signing-key-file': place.serviceKey,
    'service-cluster-ip-range': '10.96.0.0/16',
    'enable-priority-and-fairness': 'false',
    // Without a node controller nobody would take the taint of a new node away.
    'disable-admission-plugins': 'TaintNodesByCondition',
  });
  return [...common, ...(place.apiArgs ?? [])];
}

function flags(values: Record<string, string>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

/** Signs the tokens of service accounts; kept, so that those of an earlier run stay good. */
async function keepServiceKey(file: string): Promise<void> {
  if ((await readFile(file).catch(() => undefined)) !== undefined) return;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(file, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
}

async function accepts(socket: string): Promise<void> {
  const connection = connect(socket);
  try {
    await once(connection, 'connect');
  } finally {
    connection.destroy();
  }
}

async function answers(kubeconfig: string, path: string): Promise<void> {
  await using kube = new KubeHttp(await readKubeconfig(kubeconfig));
  const { code } = await kube.send('GET', path, { signal: AbortSignal.timeout(2000) });
  if (code !== 200) throw new Error(`${path} answered ${code}`);
}
