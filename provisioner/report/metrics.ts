import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '#shared/runtime/log.ts';
import { createKubeMetrics, type KubeMetrics } from '../kube/kube-metrics.ts';
import type { Correction } from '../desired/resync.ts';
import type { Step } from '../plan/step.ts';

/** What the provisioner counts, and the log line that goes with a change. */
export interface ProvisionerMetrics {
  step: (step: Step, endpointId: string) => void;
  fenceRefused: () => void;
  corrected: (what: Correction) => void;
  parked: () => void;
  /** A key for which the queue had no room. */
  refusedKey: () => void;
  overdueDrain: () => void;
  proof: (ok: boolean) => void;
  /** Instruments of the client and of the local copies. */
  kube: KubeMetrics;
}

/** What is read at each scrape. */
export interface Readings {
  queueDepth: () => number;
  /** The clusters that are open. */
  clusters: () => readonly {
    vpcId: string;
    state: { state: string };
    quarantined: ReadonlySet<string>;
    drains: { counts: () => { registered: number; silent: number; doubled: number } };
  }[];
}

/** Makes the instruments. */
export function createProvisionerMetrics(registry: Registry, log: Logger, readings: Readings): ProvisionerMetrics {
  const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
    new Counter({ name: `fairway_provisioner_${name}`, help, labelNames, registers: [registry] });
  const steps = counter('steps_total', 'Steps that changed something, by kind.', 'kind');
  const refused = counter('fence_refusals_total', 'Writes that the fence refused: this process was behind.');
  const corrections = counter('resync_corrections_total', 'What resync had to put right.', 'what');
  const parked = counter('desired_parked_total', 'Desired documents that this build cannot read.');
  const refusedKeys = counter('queue_refused_total', 'Endpoints and clusters for which the queue had no room.');
  const overdue = counter('drains_overdue_total', 'Replicas that went because the deadline of their drain was over.');
  const proofs = counter('proofs_total', 'Proofs through a router, by outcome.', 'ok');
  const depth: Gauge = new Gauge({
    name: 'fairway_provisioner_queue_keys',
    help: 'Endpoints that wait for or have a look.',
    registers: [registry],
    collect: (): void => depth.set(readings.queueDepth()),
  });
  clusterGauges(registry, readings.clusters);
  return {
    step: (step, endpointId) => {
      steps.inc({ kind: step.kind });
      log.info({ endpointId, step: step.kind, what: nameOf(step), reason: step.why }, 'step.taken');
    },
    fenceRefused: () => refused.inc(),
    corrected: (what) => corrections.inc({ what }),
    parked: () => parked.inc(),
    refusedKey: () => refusedKeys.inc(),
    overdueDrain: () => overdue.inc(),
    proof: (ok) => proofs.inc({ ok: String(ok) }),
    kube: createKubeMetrics(registry),
  };
}

function clusterGauges(registry: Registry, clusters: Readings['clusters']): void {
  const registers = [registry];
  const ready: Gauge<'vpc'> = new Gauge({
    name: 'fairway_provisioner_cluster_ready',
    help: '1 for a cluster that is worked on; 0 for one that is away or refused.',
    labelNames: ['vpc'],
    registers,
    collect: () => clusters().forEach(({ vpcId, state }) => ready.set({ vpc: vpcId }, state.state === 'ready' ? 1 : 0)),
  });
  const quarantined: Gauge<'vpc'> = new Gauge({
    name: 'fairway_provisioner_quarantined_endpoints',
    help: 'Endpoints that the desired state does not know: they go on serving, an operator has to say what becomes of them.',
    labelNames: ['vpc'],
    registers,
    collect: () => clusters().forEach(({ vpcId, quarantined: held }) => quarantined.set({ vpc: vpcId }, held.size)),
  });
  const routers: Gauge<'vpc' | 'state'> = new Gauge({
    name: 'fairway_provisioner_routers',
    help: 'Registered routers, those of them that are silent (drains wait for them), and ids that two processes use.',
    labelNames: ['vpc', 'state'],
    registers,
    collect() {
      for (const { vpcId, drains } of clusters())
        for (const [state, count] of Object.entries(drains.counts())) routers.set({ vpc: vpcId, state }, count);
    },
  });
}

function nameOf(step: Step): string {
  if ('object' in step) return `${step.object.kind}/${step.object.metadata.name}`;
  if ('seen' in step) return `${step.seen.kind.kind}/${step.seen.name}`;
  if ('subject' in step) return step.subject;
  if ('document' in step) return step.document.replicas.map(({ name, state }) => `${name}=${state}`).join(' ');
  return 'pool' in step ? step.pool : '';
}
