import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readClusterConfig } from '#loadtest/cluster/config.ts';
import { readKubeletConfig } from '#loadtest/cluster/kubelet/config.ts';
import { startKubelet } from '#loadtest/cluster/kubelet/service.ts';
import { startCluster } from '#loadtest/cluster/service.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { startTcpProxy, type TcpProxy } from '#shared/testing/tcp-proxy.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import {
  deleted,
  newDeployment,
  scaled,
  startProvisionerLab,
  type ProvisionerLab,
  type StartLabCluster,
} from './provisioner-lab.ts';

const log = silentLogger();
/** What is wrong has to be said within this time. */
const saidWithin = { timeoutMs: 30_000 };
const healed = { timeoutMs: 60_000 };

const started = endAfterEach();

const conditionOf = async (lab: ProvisionerLab, endpointId: string, type: string) =>
  (await lab.status(endpointId))?.conditions.find((condition) => condition.type === type);
const readyz = async (url: string) => {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, text: await response.text() };
};
const replicasOf = async (lab: ProvisionerLab, endpointId: string) =>
  (await lab.pools(endpointId)).flatMap(({ replicas }) => replicas);
const podsOf = async (lab: ProvisionerLab, endpointId: string) =>
  (await lab.kube.list(kinds.pod, { namespace: namespaceName(endpointId) })).items;

describe('all routers fall silent', () => {
  it('endpoints stay active, nothing is taken down, it is said, and it goes on when one is heard', async () => {
    const lab = await started.use(startProvisionerLab());
    const provisioner = await started.use(lab.start({ FAIRWAY_REPROVE_MS: '300' }));
    const spec = lab.newSpec();
    const { endpointId } = spec;
    await lab.create(spec);
    const resting = lab.newSpec({ deployments: [newDeployment(1)] });
    await lab.create(resting);
    const [before, atRest] = [await lab.status(endpointId), await lab.status(resting.endpointId)];

    lab.router.silent = true;
    lab.answer.proof = () => ({ ok: false, reason: 'nobody is there' });
    await lab.publish(scaled(spec, 1));
    for (const id of [endpointId, resting.endpointId])
      await eventually(async () => {
        const reachable = await conditionOf(lab, id, 'Reachable');
        expect(reachable).toMatchObject({ status: 'Unknown', reason: 'NoRouter' });
      }, saidWithin);
    await eventually(async () => expect((await readyz(provisioner.url)).text).toContain('No router'), saidWithin);
    expect((await readyz(provisioner.url)).status).toBe(503);
    expect((await replicasOf(lab, endpointId)).map(({ state }) => state).toSorted()).toEqual(['draining', 'ready']);
    expect(await podsOf(lab, endpointId)).toHaveLength(2);
    expect(await lab.status(endpointId)).toMatchObject({ live: before?.live, rejection: null });
    const { state = '', lifecycleSeq = 0 } = atRest ?? {};
    expect(await lab.status(resting.endpointId)).toMatchObject({ state, lifecycleSeq, reason: 'Active' });

    lab.router.silent = false;
    lab.answer.proof = () => ({ ok: true });
    await eventually(async () => expect(await podsOf(lab, endpointId)).toHaveLength(1), healed);
    await eventually(async () => {
      expect(await lab.status(endpointId)).toMatchObject({ state: 'active', reason: 'Active' });
      expect(await conditionOf(lab, endpointId, 'Reachable')).toMatchObject({ status: 'True' });
      expect((await readyz(provisioner.url)).status).toBe(200);
    }, healed);
    expect(await lab.status(resting.endpointId)).toMatchObject({ state: 'active', lifecycleSeq });
    for (const each of [spec, resting]) await lab.publish({ ...deleted(each), version: 3 });
    for (const each of [spec, resting]) await lab.isGone(each.endpointId);
  });
});

/** The embedded cluster with its kubelet behind a link that can be cut. */
function cuttable(): { start: StartLabCluster; link: () => TcpProxy } {
  let proxy: TcpProxy | undefined;
  const start: StartLabCluster = async (settings) => {
    await using stack = new AsyncDisposableStack();
    const cluster = stack.use(await startCluster(readClusterConfig({ FAIRWAY_CLUSTER_KUBELET: 'off' }), { log }));
    proxy = stack.use(await startTcpProxy({ port: Number(new URL(cluster.url).port), plain: true }));
    const path = `${cluster.kubeconfigPath}-kubelet`;
    const text = await readFile(cluster.kubeconfigPath, 'utf8');
    await writeFile(path, text.replaceAll(cluster.url, `http://127.0.0.1:${proxy.port}`), { mode: 0o600 });
    const config = { ...readKubeletConfig({ FAIRWAY_KUBELET_KUBECONFIG: path }), ...settings };
    stack.use(await startKubelet(config, { log, clock: systemClock }));
    const parts = stack.move();
    return { kubeconfigPath: cluster.kubeconfigPath, [Symbol.asyncDispose]: () => parts.disposeAsync() };
  };
  const link = (): TcpProxy => {
    if (proxy === undefined) throw new Error('the cluster has not been started');
    return proxy;
  };
  return { start, link };
}

/** What Kubernetes' node controller does to pods whose kubelet it does not hear. */
async function takeReadinessAway(lab: ProvisionerLab, endpointId: string): Promise<void> {
  for (const { metadata, status } of await podsOf(lab, endpointId)) {
    const { conditions } = status as { conditions: { type: string }[] };
    const patch = {
      status: {
        conditions: conditions.map((condition) =>
          condition.type === 'Ready' ? { ...condition, status: 'False' } : condition,
        ),
      },
    };
    const target = { name: metadata.name, namespace: metadata.namespace, subresource: 'status' as const };
    await lab.kube.patch(kinds.pod, target, { patch });
  }
}

describe('the API server is cut from its kubelets', () => {
  it('every replica that answers goes on serving, also one that is marked for deletion, and it is said', async () => {
    const { start, link } = cuttable();
    const lab = await started.use(startProvisionerLab({ cluster: start }));
    const provisioner = await started.use(lab.start());
    const spec = lab.newSpec();
    const { endpointId } = spec;
    const revision = await lab.create(spec);
    const listed = await replicasOf(lab, endpointId);

    link().cut();
    lab.asked.length = 0;
    await takeReadinessAway(lab, endpointId);
    const [evicted] = await podsOf(lab, endpointId);
    const { name = '', uid = '' } = evicted?.metadata ?? {};
    const target = { name, namespace: namespaceName(endpointId) };
    await lab.kube.delete(kinds.pod, target, { preconditions: { uid } });
    await eventually(
      async () =>
        expect(await conditionOf(lab, endpointId, 'ReplicasReady')).toMatchObject({ reason: 'KubeletNotHeard' }),
      saidWithin,
    );
    const told = await readyz(provisioner.url);
    expect([told.status, told.text]).toEqual([503, expect.stringContaining('kubelets: ')]);
    // Each has been asked through the router since, and is listed as it was; nobody was marked or taken.
    for (const { replicaId } of listed)
      await eventually(() => expect(lab.asked.map((proof) => proof.replicaId)).toContain(replicaId), saidWithin);
    expect(await replicasOf(lab, endpointId)).toEqual(listed);
    expect(await lab.status(endpointId)).toMatchObject({ state: 'active', live: { revision } });
    const uids = (await podsOf(lab, endpointId)).map(({ metadata }) => metadata.uid);
    for (const { replicaId } of listed) expect(uids).toContain(replicaId);

    link().restore();
    await eventually(async () => {
      const replicas = await replicasOf(lab, endpointId);
      expect(replicas.map(({ state }) => state)).toEqual(['ready', 'ready']);
      expect(replicas.map(({ replicaId }) => replicaId)).not.toContain(uid);
      expect(await conditionOf(lab, endpointId, 'ReplicasReady')).toMatchObject({ status: 'True' });
      expect((await readyz(provisioner.url)).status).toBe(200);
    }, healed);
    await lab.isActive(endpointId, revision);
    await lab.publish(deleted(spec));
    await lab.isGone(endpointId);
  });
});
