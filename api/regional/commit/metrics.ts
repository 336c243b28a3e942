import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The process's own instruments. */
export interface ApiMetrics {
  requests: Counter<'operation' | 'status'>;
  requestSeconds: Histogram<'operation'>;
  commits: Counter<'result'>;
  commitSeconds: Histogram;
  pending: Gauge;
  refused: Counter<'reason'>;
  recordsLost: Counter;
  barrierSeconds: Histogram;
}

/** Makes them in the registry that the admin listener shows. */
export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry];
  const buckets = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 20];
  return {
    requests: new Counter({
      name: 'fairway_api_requests_total',
      help: 'Requests by operation and HTTP status.',
      labelNames: ['operation', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'fairway_api_request_seconds',
      help: 'Time from the first byte of a request to its answer.',
      labelNames: ['operation'],
      buckets,
      registers,
    }),
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
      help: 'Changes refused by a bound: overloaded, store_full.',
      labelNames: ['reason'],
      registers,
    }),
    recordsLost: new Counter({
      name: 'fairway_api_records_lost_total',
      help: 'Events and audit lines that could not be stored.',
      registers,
    }),
    barrierSeconds: new Histogram({
      name: 'fairway_api_barrier_seconds',
      help: 'Time that reads waited for their view to be current.',
      buckets,
      registers,
    }),
  };
}
