import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The process's own instruments. */
export interface ApiMetrics {
  commits: Counter<'result'>;
  commitSeconds: Histogram;
  pending: Gauge;
  refused: Counter<'reason'>;
  refusedKeys: Counter<'queue'>;
  auditDue: Gauge;
  commands: Counter<'verb' | 'status'>;
  barrierSeconds: Histogram;
  eventStreams: Gauge;
}

/** Makes them in the registry that the admin listener shows. */
export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry];
  const buckets = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 20];
  return {
    commits: new Counter({
      name: 'fairway_api_commits_total',
      help: 'Commits by result: committed, moved, mismatch, full, unknown.',
      labelNames: ['result'],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'fairway_api_commit_seconds',
      help: 'Time from acceptance to certainty.',
      buckets,
      registers,
    }),
    pending: new Gauge({ name: 'fairway_api_pending_commits', help: 'Commits between the two.', registers }),
    refused: new Counter({
      name: 'fairway_api_refused_total',
      help: 'Changes refused by a bound: overloaded, store_full, endpoints_max, tokens_max.',
      labelNames: ['reason'],
      registers,
    }),
    refusedKeys: new Counter({
      name: 'fairway_api_queue_refused_total',
      help: 'Endpoints for which a queue had no room: audit, finish-deletes.',
      labelNames: ['queue'],
      registers,
    }),
    auditDue: new Gauge({
      name: 'fairway_api_audit_due',
      help: 'Endpoints whose audit lines are due, or may be: this process looks, or another has written them.',
      registers,
    }),
    commands: new Counter({
      name: 'fairway_api_commands_total',
      help: 'NATS commands by verb and status; no_reply was not carried out, since nobody waited for its answer.',
      labelNames: ['verb', 'status'],
      registers,
    }),
    barrierSeconds: new Histogram({
      name: 'fairway_api_barrier_seconds',
      help: 'Time that lists waited for their view to be current.',
      buckets,
      registers,
    }),
    eventStreams: new Gauge({ name: 'fairway_api_event_streams', help: 'Streams of events that are open.', registers }),
  };
}
