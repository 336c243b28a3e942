import { endpointKey } from '../desired/queue-key.ts';
import type { DesiredMap } from '../desired/desired-map.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';

/** What all clusters are opened with. */
export type ClustersOptions = Omit<ClusterOptions, 'vpcId' | 'kubeconfigPath' | 'wakeAll'> & { desired: DesiredMap };

/** The clusters that this process works on, by VPC. */
export class Clusters implements AsyncDisposable {
  readonly #options: ClustersOptions;
  readonly #open = new Map<string, Cluster>();

  constructor(options: ClustersOptions) {
    this.#options = options;
  }

  get(vpcId: string): Cluster | undefined {
    return this.#open.get(vpcId);
  }

  all(): Cluster[] {
    return [...this.#open.values()];
  }

  /** Every endpoint of which any cluster has an object. */
  endpoints(): Set<string> {
    return new Set(this.all().flatMap(({ caches }) => [...(caches?.endpoints() ?? [])]));
  }

  /** Begins to work on the cluster of a VPC. @throws a sentence when the kubeconfig is unusable. */
  async open(vpcId: string, kubeconfigPath: string): Promise<void> {
    const wakeAll = (): void => this.#wakeAll(vpcId);
    const cluster = await Cluster.open({ ...this.#options, vpcId, kubeconfigPath, wakeAll });
    this.#open.set(vpcId, cluster);
    cluster.wake();
  }

  /** Ends that; endpoints go on serving, and another provisioner may take over. */
  async close(vpcId: string): Promise<void> {
    const cluster = this.#open.get(vpcId);
    this.#open.delete(vpcId);
    await cluster?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.keys()].map((vpcId) => this.close(vpcId)));
  }

  #wakeAll(vpcId: string): void {
    const { desired, wake } = this.#options;
    const known = desired.keys().filter((endpointId) => {
      const entry = desired.get(endpointId);
      return entry.kind !== 'spec' || entry.spec.vpcId === vpcId;
    });
    const there = this.get(vpcId)?.caches?.endpoints() ?? [];
    for (const endpointId of new Set([...known, ...there])) wake(endpointKey(endpointId));
  }
}
