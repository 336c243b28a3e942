import { Registry, collectDefaultMetrics } from 'prom-client';

/** Each looks at every open connection while the event loop stands still: 10 ms and more per scrape where there are thousands. */
const costly = ['nodejs_active_handles', 'nodejs_active_requests', 'nodejs_active_resources'];

/** The process's own registry; instruments are made by its owners with `registers: [registry]`. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  for (const name of [...costly, ...costly.map((each) => `${each}_total`), 'process_open_fds'])
    registry.removeSingleMetric(name);
  return registry;
}
