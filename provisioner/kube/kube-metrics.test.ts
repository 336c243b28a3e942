import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createKubeMetrics } from './kube-metrics.ts';
import { ObjectStore } from './object-store.ts';
import type { Reflector } from './reflector.ts';

test('calls, reflector events and the age of each copy are shown', async () => {
  const registry = new Registry();
  const metrics = createKubeMetrics(registry);
  const reflector: Reflector = {
    store: new ObjectStore(),
    resourceVersion: '1',
    lastSeenAt: 5_000,
    synced: () => Promise.resolve(),
    reached: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const end = metrics.observe('vpc-1', () => ({ Pod: reflector }));
  metrics.onCall({ method: 'GET', status: 200, durationMs: 10 });
  metrics.onEvent('Pod')('watch_gone');
  metrics.onOverdue();
  const text = await registry.metrics();
  expect(text).toContain('fairway_kube_call_seconds_count{method="GET",status="200"} 1');
  expect(text).toContain('fairway_kube_reflector_events_total{kind="Pod",event="watch_gone"} 1');
  expect(text).toContain('fairway_kube_last_seen_timestamp_seconds{vpc="vpc-1",kind="Pod"} 5');
  expect(text).toContain('fairway_kube_objects{vpc="vpc-1",kind="Pod"} 0');
  expect(text).toContain('fairway_kube_writes_overdue_total 1');
  end();
  expect(await registry.metrics()).not.toContain('vpc-1');
});
