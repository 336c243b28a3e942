import { once } from 'node:events';
import { expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeClient } from '../kube/kube-client.ts';
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
