import type { Scenario } from '#loadtest/virtual/scenario.ts';

/** The scenario with so many times its engineers and replicas, and with as many times what goes wrong. */
export function scaled(scenario: Scenario, times: number): Scenario {
  const { engineers, replicas, faults } = scenario;
  return {
    ...scenario,
    engineers: times * engineers,
    replicas: times * replicas,
    faults: faults.map((fault) => {
      if (fault.kind === 'slow') return { ...fault, replicas: times * fault.replicas };
      return fault.kind === 'flood' ? { ...fault, clients: times * fault.clients } : fault;
    }),
  };
}
