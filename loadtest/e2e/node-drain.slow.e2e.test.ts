import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { kubeconfigOf } from '#loadtest/stack/processes.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { openLongStreams, startSlowStack } from './drains/long-streams.ts';
import type { TestStack } from './test-stack.ts';

const run = promisify(execFile);
const { binaries, unless } = await findKubelab('kubectl, on a real kube-apiserver');

interface Pods {
  items: { metadata: { name: string; namespace: string; deletionTimestamp?: string }; spec: { nodeName: string } }[];
}

describe('50 open streams, and an operator with kubectl', unless, () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startSlowStack({ cluster: 'real' }));
  });

  const kubectl = (...args: string[]) =>
    run(join(binaries, 'kubectl'), ['--kubeconfig', kubeconfigOf(fairway.stack.plan), ...args]);
  const podsOf = async (id: string): Promise<Pods['items']> => {
    const { stdout } = await kubectl(
      'get',
      'pods',
      '--all-namespaces',
      '-l',
      `fairway.dev/endpoint=${id}`,
      '-o',
      'json',
    );
    return (JSON.parse(stdout) as Pods).items;
  };

  it('kubectl drain: others come first, the replica goes by its own drain, none is truncated', async () => {
    const { dedicated_inference: endpoint, token } = await fairway.create('drained-node', 2);
    await fairway.untilActive(endpoint.id, 2);
    const [pod] = await podsOf(endpoint.id);
    const node = pod?.spec.nodeName ?? '';
    const streams = await openLongStreams(fairway, token.value ?? '', 25_000);
    const drained = kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=120s');
    let over = false;
    const watched = drained.finally(() => (over = true)).catch(() => {});
    const ready: number[] = [];
    while (!over) {
      ready.push((await fairway.get(endpoint.id)).replicas.ready);
      await systemClock.sleep(250);
    }
    await watched;
    // Eviction was asked for at once, and held while the replica was needed.
    expect((await drained).stderr).toContain("violate the pod's disruption budget");
    expect(Math.min(...ready)).toBeGreaterThanOrEqual(2);
    await streams.ended;
    expect(streams.truncated()).toEqual([]);
    expect((await podsOf(endpoint.id)).map(({ spec }) => spec.nodeName)).not.toContain(node);
    await fairway.untilActive(endpoint.id, 2);
    await kubectl('uncordon', node);
    await fairway.api('DELETE', `/${endpoint.id}`);
  });

  it('kubectl delete pod: nothing new goes there, its streams have the grace, none is truncated', async () => {
    const { dedicated_inference: endpoint, token } = await fairway.create('deleted-pod', 2);
    await fairway.untilActive(endpoint.id, 2);
    const streams = await openLongStreams(fairway, token.value ?? '', 20_000);
    const [pod] = await podsOf(endpoint.id);
    const { name = '', namespace = '' } = pod?.metadata ?? {};
    await kubectl('delete', 'pod', name, '-n', namespace, '--wait=false');
    const draining = await eventually(async () => {
      const { draining: told } = await fairway.get(endpoint.id);
      if (told?.inflight == null || told.inflight === 0) throw new Error(`told: ${JSON.stringify(told)}`);
      return told;
    });
    const marked = (await podsOf(endpoint.id)).find(({ metadata }) => metadata.name === name)?.metadata
      .deletionTimestamp;
    expect(Date.parse(draining.deadline)).toBe(Date.parse(marked ?? ''));
    await streams.ended;
    expect(streams.truncated()).toEqual([]);
    await eventually(
      async () => {
        expect((await podsOf(endpoint.id)).map(({ metadata }) => metadata.name)).not.toContain(name);
        expect((await fairway.get(endpoint.id)).draining).toBeUndefined();
      },
      { timeoutMs: 30_000 },
    );
    await fairway.untilActive(endpoint.id, 2);
    await fairway.api('DELETE', `/${endpoint.id}`);
  });
});
