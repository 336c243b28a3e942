import type { ModelDeployment } from '#shared/contract/desired.ts';
import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import { viewPod, type PodView } from '../../observe/pod-view.ts';
import { chooseSpec } from '../../plan/choose-spec.ts';
import type { SampleCluster } from '../sample-cluster.ts';

/** Looks at a cluster for a scenario, and writes down what must never be. */
export class RolloutWatch {
  readonly #cluster: SampleCluster;
  readonly problems: string[] = [];
  /** Accelerator ids that some spec has had. */
  readonly known = new Set<string>();
  held = false;
  exchanged = false;

  constructor(cluster: SampleCluster) {
    this.#cluster = cluster;
  }

  /** One look of a provisioner that dies after `most` steps. */
  look(most: number): void {
    const cluster = this.#cluster;
    const before = this.#ready();
    const live = cluster.status.document?.live?.deployments ?? [];
    cluster.look(most);
    const after = this.#ready();
    const { desired } = cluster;
    if (desired.kind !== 'spec') return;
    for (const { modelId, accelerators } of live) {
      const now = after.get(modelId) ?? 0;
      if (now >= (before.get(modelId) ?? 0)) continue;
      const asked = this.#chosen();
      const followers = asked.some((model) => model.modelId === modelId)
        ? asked.filter((model) => model.modelId === modelId)
        : asked;
      const needed = Math.min(
        scaleOf({ accelerators }),
        followers.reduce((sum, model) => sum + scaleOf(model), 0),
      );
      const all = new Set([modelId, ...followers.map((model) => model.modelId)]);
      const serving = [...all].reduce((sum, pool) => sum + (after.get(pool) ?? 0), 0);
      const held = cluster.pools.get(modelId)?.document?.hold !== undefined;
      if (serving < needed - 1 || (serving === 0 && needed > 0 && !held))
        this.problems.push(`${serving} of ${needed} replicas of ${modelId} are ready, held: ${held}`);
    }
    this.#checkHolds();
    const free = cluster.nodes.free(this.#podObjects());
    if ([...free.values()].some((gpus) => gpus < 0)) this.problems.push('more GPUs than there are');
    this.exchanged ||= cluster.status.document?.reason === 'Exchanging';
  }

  /**
   * How it stands: one template per group and all replicas proven; or as many as there is room for, since others have taken
   * what was freed; or not yet.
   */
  standing(): 'whole' | 'short' | 'moving' {
    const { status, desired } = this.#cluster;
    const revision = desired.kind === 'spec' ? desired.revision : 0;
    const { live, rejection, observedRevision } = status.document ?? {};
    const decided = live?.revision === revision || rejection?.revision === revision;
    if (observedRevision !== revision || !decided || this.#missing().length > 0) return 'moving';
    const complete = this.#outdated().length === 0 && this.#short().length === 0;
    return complete && status.document?.state === 'active' ? 'whole' : complete ? 'moving' : 'short';
  }

  /** What must not be when all is over. */
  lastProblems(revision: number): string[] {
    const { pools, harmed, status } = this.#cluster;
    const { rejection } = status.document ?? {};
    const holds = [...pools.values()].filter(({ document }) => document?.hold !== undefined);
    const silent = rejection?.revision === revision && (rejection.reason === '' || rejection.hint === '');
    return [
      ...harmed.map((name) => `${name} was taken although it served`),
      ...holds.map(({ document }) => `the hold of ${document?.pool} was not lifted`),
      ...(silent ? ['a rejection without reason or hint'] : []),
      ...(this.standing() === 'moving' ? [`${status.document?.state}`, ...this.#missing()] : []),
    ];
  }

  /** What is not as it should be although there is room for it. */
  #missing(): string[] {
    const free = Math.max(...this.#cluster.nodes.free(this.#podObjects()).values());
    const roomy = this.#short().filter(({ slug, unready }) => unready || free >= (gpuSize(slug)?.gpuCount ?? 1));
    const useless = this.#outdated().filter(
      ({ pool, replicaId }) => this.#short().length === 0 || !this.#isReady(pool, replicaId),
    );
    return [
      ...useless.map(({ name }) => `${name} is outdated`),
      ...roomy.map(({ modelId, scale }) => `fewer than ${scale} of ${modelId}, although there is room`),
    ];
  }

  #outdated(): PodView[] {
    const ids = new Set(this.#groups().map(({ acceleratorId }) => acceleratorId));
    return this.#podObjects()
      .map(viewPod)
      .filter(({ accelerator }) => !ids.has(accelerator));
  }

  /** Groups of which not all replicas serve; `unready`: one of them has a node all the same. */
  #short() {
    const pods = this.#podObjects().map(viewPod);
    return this.#groups().flatMap((group) => {
      const made = pods.filter(({ accelerator }) => accelerator === group.acceleratorId);
      const idle = made.filter(({ replicaId }) => !this.#isReady(group.modelId, replicaId));
      if (made.length - idle.length >= group.scale) return [];
      return [{ ...group, unready: idle.some(({ stage }) => stage.phase !== 'node') }];
    });
  }

  #groups() {
    return this.#chosen().flatMap(({ modelId, accelerators }) =>
      accelerators.map((group) => Object.assign({ modelId }, group)),
    );
  }

  #chosen(): readonly ModelDeployment[] {
    const observed = this.#cluster.observe();
    return observed.desired.kind === 'spec' ? chooseSpec(observed.desired, observed).spec.deployments : [];
  }

  #checkHolds(): void {
    const { pools, now, settings } = this.#cluster;
    for (const { document } of pools.values()) {
      if (document?.hold === undefined) continue;
      this.held = true;
      if (document.hold.until > now + settings.holdMaxMs) this.problems.push('a hold beyond its bound');
      if (document.replicas.some(({ state }) => state === 'ready')) this.problems.push('a hold beside a ready replica');
    }
  }

  #ready(): Map<string, number> {
    return new Map(
      [...this.#cluster.pools].map(([pool, { document }]) => [
        pool,
        document?.replicas.filter(({ state }) => state === 'ready').length ?? 0,
      ]),
    );
  }

  #isReady(pool: string, id: string): boolean {
    const replicas = this.#cluster.pools.get(pool)?.document?.replicas ?? [];
    return replicas.some(({ replicaId, state }) => replicaId === id && state === 'ready');
  }

  #podObjects() {
    return [...this.#cluster.objects.values()].filter(({ kind }) => kind === 'Pod');
  }
}

function scaleOf({ accelerators }: Pick<ModelDeployment, 'accelerators'>): number {
  return accelerators.reduce((sum, { scale }) => sum + scale, 0);
}
