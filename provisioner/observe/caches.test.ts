import { once } from 'node:events';
import { expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { labels, namespaceName } from '../manifests/names.ts';
import { KubeError } from '../kube/kube-error.ts';
import { startCaches, type Caches } from './caches.ts';

/** Caches of an empty cluster in which routes may be read, or may not. */
function cachesOf({ routes }: { routes: boolean }): Caches {
  const client: Pick<KubeClient, 'list' | 'watch'> = {
    list: (kind) =>
      kind === kinds.httpRoute && !routes
        ? Promise.reject(new KubeError({ status: 403, reason: 'Forbidden', message: 'no' }))
        : Promise.resolve({ items: [], resourceVersion: '1' }),
    // oxlint-disable-next-line require-yield -- nothing happens in this cluster
    async *watch(_kind, { signal }) {
      if (signal !== undefined) await once(signal, 'abort');
    },
  };
  return startCaches({ client, clock: systemClock, log: silentLogger(), onWake: () => {} });
}

it('waits for what each cluster has, and works without the Gateway API where it may not read that', async () => {
  await using caches = cachesOf({ routes: false });
  await caches.followGatewayApi(true);
  await caches.synced(AbortSignal.timeout(5000));
  expect(caches.of(kinds.pod)).toBeDefined();
  expect([kinds.httpRoute, kinds.inferencePool].map((kind) => caches.of(kind))).toEqual([undefined, undefined]);
});

it('has the kinds of the Gateway API once they are read, and no longer when they are taken away', async () => {
  await using caches = cachesOf({ routes: true });
  expect(caches.of(kinds.httpRoute)).toBeUndefined();
  await caches.followGatewayApi(true);
  await eventually(() => expect(caches.of(kinds.httpRoute)).toBeDefined());
  await caches.followGatewayApi(false);
  expect(caches.of(kinds.httpRoute)).toBeUndefined();
});

it('wakes the endpoints of a node that is closed or opened, and nobody by what else happens to one', async () => {
  const [here, elsewhere] = ['01900000-0000-8001-8000-000000000001', '01900000-0000-8001-8000-000000000002'];
  const pod = (endpointId: string, nodeName: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'pod',
      namespace: namespaceName(endpointId),
      uid: endpointId,
      resourceVersion: '1',
      labels: { [labels.endpoint]: endpointId },
    },
    spec: { nodeName },
  });
  const node = (resourceVersion: string, unschedulable: boolean): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'a', uid: 'a', resourceVersion },
    spec: { unschedulable },
  });
  const woken: string[] = [];
  const listed = Promise.withResolvers<void>();
  const client: Pick<KubeClient, 'list' | 'watch'> = {
    list: (kind) => {
      const pods = kind === kinds.pod ? [pod(here, 'a'), pod(elsewhere, 'b')] : [];
      return Promise.resolve({ items: kind === kinds.node ? [node('1', false)] : pods, resourceVersion: '1' });
    },
    async *watch(kind, { signal }) {
      await listed.promise;
      if (kind === kinds.node)
        for (const [at, closed] of [false, true, true, false].entries())
          yield { type: 'MODIFIED', object: node(String(at + 2), closed) };
      if (signal !== undefined) await once(signal, 'abort');
    },
  };
  const onWake = (endpointId: string): void => void woken.push(endpointId);
  await using caches = startCaches({ client, clock: systemClock, log: silentLogger(), onWake });
  await caches.synced(AbortSignal.timeout(5000));
  woken.length = 0;
  listed.resolve();
  await eventually(() => expect(caches.of(kinds.node)?.store.get({ name: 'a' })?.metadata.resourceVersion).toBe('5'));
  expect(woken).toEqual([here, here]);
});
