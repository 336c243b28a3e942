import { Registry, collectDefaultMetrics } from 'prom-client';

/** The process's own registry; instruments are made by its owners with `registers: [registry]`. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
