import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { kindOf } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { gateway, gatewayClass } from '../manifests/gateway.ts';
import { covers } from '../plan/covers.ts';
import { classStatus, gatewayStatus, type GatewayFacts } from './gateway-status.ts';
import { find, type ClusterSight } from './look-at-cluster.ts';
import { SideTask } from './side-task.ts';

/** Class and Gateway of a cluster that serves the Gateway API. Routers do not read them, and no endpoint waits for them. */
export class ClusterGateway {
  readonly #log: Logger;
  readonly #task: SideTask;

  constructor(log: Logger) {
    this.#log = log;
    this.#task = new SideTask('GatewayClass and Gateway', log);
  }

  /** Applies what differs; with facts, says of both what the Gateway API asks of who implements them, when that is news. */
  keep(sight: ClusterSight, facts: Omit<GatewayFacts, 'revision'> | null): Promise<void> {
    return this.#task.run(sight.signal, async () => {
      const ofClass = await this.#apply(sight, gatewayClass());
      const live = await this.#apply(sight, gateway(sight.hosts));
      if (facts === null) return;
      const newest = await readLast(sight.nats, streams.edge.name, subjects.poolsOfVpc(sight.vpcId));
      await tell(sight, ofClass, classStatus(ofClass, facts));
      await tell(sight, live, gatewayStatus(live, { ...facts, revision: newest?.seq ?? 0 }));
    });
  }

  /** For `/readyz`. */
  warnings(): string[] {
    return this.#task.warnings();
  }

  async #apply(sight: ClusterSight, planned: KubeObject): Promise<KubeObject> {
    const live = await find(sight, kindOf(planned), planned.metadata);
    if (live !== null && covers(live, planned)) return live;
    const applied = await sight.kube.apply(planned, { signal: sight.signal });
    this.#log.info({ vpcId: sight.vpcId, kind: planned.kind }, 'cluster.gateway_applied');
    return applied;
  }
}

async function tell({ kube, signal }: ClusterSight, object: KubeObject, status: object | undefined): Promise<void> {
  if (status === undefined) return;
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion }, status };
  await kube.patch(kindOf(object), { name, namespace, subresource: 'status' }, { patch, signal });
}
