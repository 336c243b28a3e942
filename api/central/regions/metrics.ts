import { Counter, Histogram, type Registry } from 'prom-client';

/** The front door's own instruments. */
export interface CentralMetrics {
  requests: Counter<'operation' | 'status'>;
  requestSeconds: Histogram<'operation'>;
}

/** Makes them in the registry that the admin listener shows. */
export function createCentralMetrics(registry: Registry): CentralMetrics {
  const registers = [registry];
  return {
    requests: new Counter({
      name: 'fairway_central_requests_total',
      help: 'Requests by operation and HTTP status.',
      labelNames: ['operation', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'fairway_central_request_seconds',
      help: 'Time from the first byte of a request to its answer.',
      labelNames: ['operation'],
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
  };
}
