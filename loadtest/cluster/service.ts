import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { serveListener } from '#shared/runtime/http/http-server.ts';
import { createLogger, type Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import { Faults } from './api/faults.ts';
import { readKubeconfig, writeKubeconfig } from './client/kubeconfig.ts';
import { FileJournal } from './api/file-journal.ts';
import { serveKubernetes } from './api/http-api.ts';
import { builtin } from './objects/kinds.ts';
import { Lists } from './api/lists.ts';
import { Registry } from './api/registry.ts';
import { Store } from './api/store.ts';
import { WatchHub } from './api/watch-hub.ts';
import type { ClusterConfig } from './config.ts';
import { startControllers } from './controllers/start-controllers.ts';
import { readKubeletConfig, type KubeletConfig } from './kubelet/config.ts';

/** A running embedded cluster. `kubeconfigPath` is a kubeconfig (JSON, mode 0600) as for any other cluster. */
export interface Cluster extends AsyncDisposable {
  url: string;
  token: string;
  kubeconfigPath: string;
}

export interface ClusterOverrides {
  log?: Logger;
  clock?: Clock;
  /** Settings of the kubelet inside, where one runs (FAIRWAY_CLUSTER_KUBELET). */
  kubelet?: Partial<KubeletConfig>;
}

/**
 * Starts the embedded cluster: API server and controllers, and a kubelet unless one runs as a process of its own.
 * With a state folder the objects, the token and (at port 0) the port are the same again after a restart.
 * @throws ConfigError when the port is taken.
 */
export async function startCluster(config: ClusterConfig, overrides: ClusterOverrides = {}): Promise<Cluster> {
  const log = overrides.log ?? createLogger('cluster', { level: 'warn' });
  const clock = overrides.clock ?? systemClock;
  await using stack = new AsyncDisposableStack();
  const kubeconfigPath = await placeKubeconfig(config, stack);
  // Of an earlier run, so that clients find the restarted server where it was.
  const before = await readKubeconfig(kubeconfigPath).catch(() => undefined);
  const token = before?.token ?? randomBytes(24).toString('hex');

  const stateDir = config.FAIRWAY_CLUSTER_STATE_DIR;
  const journal = stateDir === undefined ? undefined : stack.use(new FileJournal(stateDir));
  const store = new Store({ historyLimit: config.FAIRWAY_CLUSTER_HISTORY, journal, seed: journal?.read() });
  journal?.attach(store);
  const registry = new Registry({ store, now: () => clock.now(), newUid: randomUUID });
  ensureNamespaces(registry);

  const lists = new Lists(store);
  const watches = new WatchHub(store);
  const findKind = (group: string, plural: string) => registry.kinds().find((kind) => kind.id === `${group}/${plural}`);
  const faults = new Faults({ store, lists, watches, clock, findKind });
  const server = await serveListener(
    (request, response) => void serveKubernetes({ registry, lists, watches, faults, token }, request, response),
    {
      host: config.FAIRWAY_CLUSTER_HOST,
      port: config.FAIRWAY_CLUSTER_PORT || (before === undefined ? 0 : Number(new URL(before.url).port)),
      drainTimeoutMs: 1000,
    },
  );
  stack.use(server);
  stack.use(watches);
  const everyMs = config.FAIRWAY_CLUSTER_BOOKMARK_MS;
  stack.use(startLoop({ name: 'bookmarks', everyMs, clock, log, immediately: false }, () => watches.bookmarkAll()));
  stack.use(startControllers(registry, log));
  await writeKubeconfig(kubeconfigPath, { url: server.url, token });
  if (config.FAIRWAY_CLUSTER_KUBELET) {
    const { startKubelet } = await import('./kubelet/service.ts');
    const kubelet = { ...readKubeletConfig({ FAIRWAY_KUBELET_KUBECONFIG: kubeconfigPath }), ...overrides.kubelet };
    stack.use(await startKubelet(kubelet, { log, clock }));
  }
  log.warn(
    { simulated: 'nodes, GPUs', notEnforced: ['NetworkPolicy', 'ResourceQuota', 'LimitRange', 'RBAC', 'eviction'] },
    'cluster.embedded',
  );
  const running = stack.move();
  return { url: server.url, token, kubeconfigPath, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function ensureNamespaces(registry: Registry): void {
  const kind = builtin('/namespaces');
  for (const name of ['default', 'kube-system'])
    if (registry.store.get(kind, undefined, name) === undefined)
      registry.create(kind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { manager: 'cluster' });
}

async function placeKubeconfig(config: ClusterConfig, stack: AsyncDisposableStack): Promise<string> {
  const { FAIRWAY_CLUSTER_KUBECONFIG: given, FAIRWAY_CLUSTER_STATE_DIR: stateDir } = config;
  const path = given ?? (stateDir === undefined ? undefined : join(stateDir, 'kubeconfig'));
  if (path !== undefined) {
    await mkdir(dirname(path), { recursive: true });
    return path;
  }
  const folder = await mkdtemp(join(tmpdir(), 'fairway-cluster-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'kubeconfig');
}
