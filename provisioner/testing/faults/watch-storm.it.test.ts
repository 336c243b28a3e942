import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeKubeconfig } from '#loadtest/cluster/client/kubeconfig.ts';
import { findKubelab, startKubelab, type Kubelab } from '#loadtest/cluster/testing/kubelab.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { connectKube } from '../../kube/kube-client.ts';
import { kinds } from '../../kube/kinds.ts';
import { labels, namespaceName } from '../../manifests/names.ts';
import { startCaches, type Caches } from '../../observe/caches.ts';
import { deleted, scaled, type ProvisionerLab } from '../provisioner-lab.ts';
import { calm, KubeProxy } from './kube-proxy.ts';
import { newEndpoint, untilDone } from './operations.ts';
import { startStandInLab } from './stand-in-lab.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for storms');
/** `FAIRWAY_SEED` repeats a run. */
const seed = Number(process.env['FAIRWAY_SEED'] ?? Math.floor(Math.random() * 1e6));
/** `FAIRWAY_FAULTS=whole` makes a storm of minutes, in which links stay half open until their clients notice. */
const whole = process.env['FAIRWAY_FAULTS'] === 'whole';
const rounds = whole ? 60 : 5;
const betweenCutsMs = { least: whole ? 1000 : 300, more: whole ? 4000 : 900 };

describe('everything that a provisioner watches goes wrong', unless, () => {
  const random = seededRandom(seed);
  const started = endAfterAll();
  let kubelab: Kubelab;
  let proxy: KubeProxy;
  let lab: ProvisionerLab;
  let caches: Caches;
  const living = new Map<string, { spec: SpecDocument; revision: number }>();
  const gone: { spec: SpecDocument; revision: number }[] = [];

  beforeAll(async () => {
    kubelab = await started.use(startKubelab(binaries));
    proxy = await started.use(KubeProxy.start(kubelab, seededRandom(seed + 1)));
    lab = await started.use(startStandInLab({ nodes: 6, on: kubelab }));
    const kubeconfig = join(await started.folder('fairway-storm-'), 'kubeconfig');
    await writeKubeconfig(kubeconfig, { url: proxy.url, token: kubelab.token ?? '' });
    const [clock, log] = [systemClock, silentLogger()];
    await started.use(lab.start({ FAIRWAY_CLUSTERS: `${lab.vpcId}=${kubeconfig}`, FAIRWAY_RESYNC_MS: '5000' }));
    const first = newEndpoint(lab);
    await untilDone(lab, first, await change(first));
    const client = await started.use(connectKube(kubeconfig));
    caches = started.keep(startCaches({ client, clock, log, onWake: () => {} }));
    await caches.synced(AbortSignal.timeout(30_000));
  });

  async function change(spec: SpecDocument): Promise<number> {
    const revision = await lab.publish(spec);
    living.delete(spec.endpointId);
    if (spec.deletion === undefined) living.set(spec.endpointId, { spec, revision });
    else gone.push({ spec, revision });
    return revision;
  }

  /** A user or an outsider does something; with a seed, always the same. */
  async function disturb(): Promise<void> {
    const all = [...living.values()];
    const { spec } = all[Math.floor(random() * all.length)] ?? { spec: newEndpoint(lab) };
    const lot = random();
    if (lot < 0.3 || living.size < 2) return void (await change(newEndpoint(lab)));
    if (lot < 0.5) return void (await change(scaled(spec, 1 + Math.floor(random() * 2))));
    if (lot < 0.7) return void (await change(deleted(spec)));
    const kind = lot < 0.85 ? kinds.service : kinds.networkPolicy;
    const { items } = await lab.kube.list(kind, { namespace: namespaceName(spec.endpointId) });
    for (const { metadata } of items.slice(0, 1)) {
      const { name, namespace, uid = '' } = metadata;
      await lab.kube.delete(kind, { name, namespace }, { preconditions: { uid } });
    }
  }

  /** What there is in truth, and in copies that were kept through all of it. */
  async function compareCopies(): Promise<void> {
    for (const [name, { store }] of Object.entries(caches.reflectors())) {
      const kind = Object.values(kinds).find((each) => each.kind === name) ?? kinds.pod;
      const { items } = await lab.kube.list(kind, kind.kind === 'Node' ? {} : { labelSelector: labels.endpoint });
      const versions = (objects: typeof items): string[] =>
        objects.map(({ metadata: { uid, resourceVersion } }) => `${uid} ${resourceVersion}`).toSorted();
      expect(versions(store.list()), name).toEqual(versions(items));
    }
  }

  /** Within a minute all is as it was asked to be, and every copy is true, also of what comes from here on. */
  async function settles(): Promise<void> {
    const calmAt = systemClock.monotonic();
    for (const { spec, revision } of [...living.values(), ...gone]) await untilDone(lab, spec, revision);
    await eventually(compareCopies, { timeoutMs: 60_000, everyMs: 250 });
    const settledMs = Math.round(systemClock.monotonic() - calmAt);
    const last = newEndpoint(lab);
    await untilDone(lab, last, await change(last));
    await untilDone(lab, deleted(last), await change(deleted(last)));
    await eventually(compareCopies, { timeoutMs: 60_000, everyMs: 250 });
    console.log(`seed ${seed}: ${JSON.stringify(Object.fromEntries(proxy.done))}; settled after ${settledMs} ms`);
    expect(settledMs).toBeLessThan(60_000);
  }

  it('cut watches, 410, 429, 500, 409, stale lists and half-open links: no delete is missed', async () => {
    proxy.weather = { failed: 0.05, throttled: 0.05, conflicting: 0.1, gone: 0.2, stale: 0.2 };
    let heal = (): void => {};
    for (let round = 0; round < rounds; round += 1) {
      await disturb();
      // The storm's own rhythm; nothing is waited for.
      await systemClock.sleep(betweenCutsMs.least + random() * betweenCutsMs.more);
      if (round % 20 === 2) heal = proxy.leaveHalfOpen();
      else proxy.cutWatches();
    }
    if (!whole) heal();
    proxy.weather = calm;
    await settles();
  }, 600_000);

  it.each(['kube-apiserver', 'etcd'] as const)(
    'SIGKILL of %s: all is made as it was asked for',
    async (part) => {
      for (let time = 0; time < (whole ? 5 : 1); time += 1) {
        for (let changes = 0; changes < 3; changes += 1) await disturb();
        await kubelab.restart(part);
      }
      await settles();
    },
    300_000,
  );
});
