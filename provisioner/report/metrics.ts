import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '#shared/runtime/log.ts';
import { createKubeMetrics, type KubeMetrics } from '../kube/kube-metrics.ts';
import type { Step } from '../plan/step.ts';

/** What the provisioner counts, and the log line that goes with a change. */
export interface ProvisionerMetrics {
  step: (step: Step, endpointId: string) => void;
  fenceRefused: () => void;
  corrected: (what: 'missed_wake' | 'orphan') => void;
  parked: () => void;
  proof: (ok: boolean) => void;
  /** Shows the routers that drains wait for; read at each scrape. */
  routers: (counts: () => { registered: number; silent: number }) => void;
  /** Instruments of the client and of the local copies. */
  kube: KubeMetrics;
}

/** Makes the instruments. `queueDepth` is read at each scrape. */
export function createProvisionerMetrics(
  registry: Registry,
  log: Logger,
  queueDepth: () => number,
): ProvisionerMetrics {
  const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
    new Counter({ name: `fairway_provisioner_${name}`, help, labelNames, registers: [registry] });
  const steps = counter('steps_total', 'Steps that changed something, by kind.', 'kind');
  const refused = counter('fence_refusals_total', 'Writes that the fence refused: this process was behind.');
  const corrections = counter('resync_corrections_total', 'What resync had to put right.', 'what');
  const parked = counter('desired_parked_total', 'Desired documents that this build cannot read.');
  const proofs = counter('proofs_total', 'Proofs through a router, by outcome.', 'ok');
  const depth: Gauge = new Gauge({
    name: 'fairway_provisioner_queue_keys',
    help: 'Endpoints that wait for or have a look.',
    registers: [registry],
    collect: (): void => depth.set(queueDepth()),
  });
  return {
    step: (step, endpointId) => {
      steps.inc({ kind: step.kind });
      log.info({ endpointId, step: step.kind, what: nameOf(step), reason: step.why }, 'step.taken');
    },
    fenceRefused: () => refused.inc(),
    corrected: (what) => corrections.inc({ what }),
    parked: () => parked.inc(),
    proof: (ok) => proofs.inc({ ok: String(ok) }),
    routers: (counts) => {
      const gauge: Gauge = new Gauge({
        name: 'fairway_provisioner_routers',
        help: 'Registered routers, and those of them that are silent: drains wait for them.',
        labelNames: ['state'],
        registers: [registry],
        collect: () => Object.entries(counts()).forEach(([state, count]) => gauge.set({ state }, count)),
      });
    },
    kube: createKubeMetrics(registry),
  };
}

function nameOf(step: Step): string {
  if ('object' in step) return `${step.object.kind}/${step.object.metadata.name}`;
  if ('seen' in step) return `${step.seen.kind.kind}/${step.seen.name}`;
  if ('document' in step) return step.document.replicas.map(({ name, state }) => `${name}=${state}`).join(' ');
  return 'pool' in step ? step.pool : '';
}
