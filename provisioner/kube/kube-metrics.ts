import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CallSeen } from './kube-transport.ts';
import type { Reflector, ReflectorEvent } from './reflector.ts';

/** Instruments of the clusters' clients and reflectors; each function fits the option of the same purpose. */
export interface KubeMetrics {
  /** For `KubeClientOptions.onCall`. */
  onCall: (seen: CallSeen) => void;
  /** For `ReflectorOptions.onEvent` of one kind. */
  onEvent: (kind: string) => (event: ReflectorEvent) => void;
  /** Shows when each of a cluster's reflectors last heard of its server, and what it holds; the answer ends that. */
  observe: (vpcId: string, reflectors: () => Record<string, Reflector>) => () => void;
  /** For `WroteAtOptions.onOverdue`. */
  onOverdue: () => void;
}

/** Registers the instruments; once per registry. */
export function createKubeMetrics(registry: Registry): KubeMetrics {
  const registers = [registry];
  const seconds = new Histogram({
    name: 'fairway_kube_call_seconds',
    help: 'Duration of calls to the API server by method and status; status 0 is no answer',
    labelNames: ['method', 'status'] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
    registers,
  });
  const events = new Counter({
    name: 'fairway_kube_reflector_events_total',
    help: 'What happened to the local copies of Kubernetes objects',
    labelNames: ['kind', 'event'] as const,
    registers,
  });
  const overdue = new Counter({
    name: 'fairway_kube_writes_overdue_total',
    help: 'Own writes that a local copy did not show in time',
    registers,
  });
  return {
    onCall: ({ method, status, durationMs }) => seconds.observe({ method, status }, durationMs / 1000),
    onEvent: (kind) => (event) => events.inc({ kind, event }),
    observe: reflectorGauges(registry),
    onOverdue: () => overdue.inc(),
  };
}

/** Gauges over the reflectors of every cluster that is open. */
function reflectorGauges(registry: Registry): KubeMetrics['observe'] {
  const open = new Map<string, () => Record<string, Reflector>>();
  const gauge = (name: string, help: string, read: (reflector: Reflector) => number): Gauge<'vpc' | 'kind'> =>
    new Gauge({
      name,
      help,
      labelNames: ['vpc', 'kind'] as const,
      registers: [registry],
      collect() {
        this.reset();
        for (const [vpc, reflectors] of open)
          for (const [kind, reflector] of Object.entries(reflectors())) this.set({ vpc, kind }, read(reflector));
      },
    });
  gauge(
    'fairway_kube_last_seen_timestamp_seconds',
    'When the last list, event or bookmark came (epoch seconds; 0 = never)',
    (reflector) => (reflector.lastSeenAt ?? 0) / 1000,
  );
  gauge('fairway_kube_objects', 'Objects in the local copy', (reflector) => reflector.store.size);
  return (vpcId, reflectors) => {
    open.set(vpcId, reflectors);
    return () => void open.delete(vpcId);
  };
}
