import type { ModelDeployment } from '#shared/contract/desired.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import { revised, SampleCluster } from '../sample-cluster.ts';
import { sampleSettings, sampleSpec } from '../sample-endpoint.ts';
import { RolloutWatch } from './rollout-watch.ts';

/** How a scenario ended. `problems` is what must never be. */
export interface ScenarioEnd {
  seed: number;
  end: 'new' | 'refused' | 'returned' | 'stuck';
  /** Others have taken room that the endpoint had: it has as many replicas as there is room for. */
  short: boolean;
  /** Ways that were taken: requests held, replicas exchanged one by one. */
  held: boolean;
  exchanged: boolean;
  looks: number;
  problems: string[];
}

const slugs = ['gpu-mi300x1-192gb', 'gpu-h100x1-80gb', 'gpu-mi350x1-288gb', 'gpu-h100x8-640gb'] as const;
const poolIds = ['a', 'b', 'c'].map((letter) => `01900000-0000-8001-8000-00000000000${letter}`);

/**
 * One endpoint on nodes of random sizes beside other tenants, changed and changed again while processes die between steps,
 * streams hold replicas up, pods never get ready, and the others come and go. Everything follows from the seed.
 */
export function runScenario(seed: number): ScenarioEnd {
  const story = new Story(seed);
  story.begin();
  const changes = 1 + story.below(3);
  for (let change = 0; change < changes; change += 1) story.change();
  return story.finish();
}

class Story {
  readonly #seed: number;
  readonly #random: () => number;
  readonly #cluster = new SampleCluster();
  readonly #watch = new RolloutWatch(this.#cluster);
  /** Accelerator ids whose pods never get ready. */
  readonly #broken = new Set<string>();
  #accelerators = 0;
  #revision = 0;
  #deployments: ModelDeployment[] = [];
  #looks = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#cluster.lingers = true;
    this.#cluster.settings = { ...sampleSettings, holdMaxMs: this.below(4) === 0 ? 0 : sampleSettings.holdMaxMs };
    this.#cluster.stays = ({ accelerator }) => this.#broken.has(accelerator);
  }

  below(max: number): number {
    return Math.floor(this.#random() * max);
  }

  /** Nodes, others on them, and an endpoint that is active. */
  begin(): void {
    const { nodes } = this.#cluster;
    nodes.gpus.clear();
    for (let node = 0; node <= this.below(4); node += 1)
      nodes.gpus.set(`node-${node}`, [1, 2, 4, 8, 8, 16][this.below(6)] ?? 8);
    nodes.gpus.set('node-0', Math.max(2, nodes.gpus.get('node-0') ?? 0));
    for (const [node, gpus] of nodes.gpus) if (this.below(3) === 0) nodes.others.set(node, this.below(gpus));
    let room = [...nodes.free([]).values()].reduce((sum, gpus) => sum + gpus, 0);
    for (const modelId of poolIds.slice(0, 1 + this.below(3))) {
      if (room < 1) break;
      const scale = Math.min(room, 1 + this.below(8));
      room -= scale;
      this.#deployments.push(this.#deployment(modelId, 'gpu-mi300x1-192gb', scale));
    }
    this.#ask();
    this.#rest();
    if (this.#cluster.status.document?.state !== 'active') throw new Error(`seed ${this.#seed}: it never began`);
  }

  /** Another spec, and some looks that die anywhere. */
  change(): void {
    const all = this.#deployments;
    const index = this.below(all.length);
    const model = all[index];
    if (model === undefined) return;
    const [accelerator] = model.accelerators;
    const scale = 1 + this.below(8);
    const slug = slugs[this.below(slugs.length)] ?? slugs[0];
    const other = poolIds.find((id) => !all.some(({ modelId }) => modelId === id));
    const changed = (next: ModelDeployment): ModelDeployment[] => all.with(index, next);
    const kinds: (() => ModelDeployment[])[] = [
      () => changed({ ...model, accelerators: [{ ...accelerator!, scale }] }),
      () => changed(this.#deployment(model.modelId, slug, accelerator!.scale)),
      () => changed(this.#deployment(model.modelId, slug, accelerator!.scale)),
      () => changed(this.#deployment(model.modelId, slug, scale)),
      () => all.map(({ modelId, accelerators }) => this.#deployment(modelId, slug, accelerators[0]!.scale)),
      () => (all.length > 1 ? all.toSpliced(index, 1) : all),
      () => (other === undefined ? all : [...all, this.#deployment(other, slug, 1 + this.below(2))]),
      () => (other === undefined ? all : all.with(index, this.#deployment(other, slug, accelerator!.scale))),
    ];
    this.#deployments = kinds[this.below(kinds.length)]?.() ?? all;
    for (const { accelerators } of this.#deployments)
      for (const { acceleratorId } of accelerators)
        if (!this.#watch.known.has(acceleratorId) && this.below(4) === 0) this.#broken.add(acceleratorId);
    this.#ask();
    for (let moment = this.below(25); moment > 0; moment -= 1) this.#moment();
  }

  /** Nothing happens any more but time: it has to come to its end. */
  finish(): ScenarioEnd {
    const cluster = this.#cluster;
    cluster.busy.clear();
    for (let hour = 0; hour < 40 && this.#watch.standing() !== 'whole'; hour += 1) {
      this.#rest();
      cluster.now += sampleSettings.changeDeadlineMs / 2;
      this.#look(Number.POSITIVE_INFINITY);
    }
    this.#rest();
    const standing = this.#watch.standing();
    const { live, rejection } = cluster.status.document ?? {};
    const refused = rejection?.reason === 'NoRoom' || rejection?.reason === 'NoRoomBeside';
    const end = live?.revision === this.#revision ? 'new' : refused ? 'refused' : 'returned';
    const { problems, held, exchanged } = this.#watch;
    const lasting = [...problems, ...this.#watch.lastProblems(this.#revision)];
    return {
      seed: this.#seed,
      end: standing === 'moving' ? 'stuck' : end,
      short: standing === 'short',
      held,
      exchanged,
      looks: this.#looks,
      problems: lasting,
    };
  }

  #ask(): void {
    this.#revision += 1;
    for (const { accelerators } of this.#deployments)
      for (const { acceleratorId } of accelerators) this.#watch.known.add(acceleratorId);
    const spec = sampleSpec(1, { version: this.#revision, deployments: this.#deployments });
    this.#cluster.desired = revised(spec, this.#revision);
  }

  #deployment(modelId: string, slug: string, scale: number): ModelDeployment {
    this.#accelerators += 1;
    const acceleratorId = `01900000-0000-8001-8000-1${String(this.#accelerators).padStart(11, '0')}`;
    const name = `model/${modelId.slice(-1)}`;
    const [sample] = sampleSpec(1).deployments;
    const fits = Math.max(1, Math.floor(scale / ((gpuSize(slug)?.gpuCount ?? 1) > 1 ? 4 : 1)));
    const accelerators = [{ acceleratorId, slug, type: 'prefill_decode' as const, scale: fits }];
    return { ...sample!, modelId, slug: name, providerModelId: name, accelerators };
  }

  #moment(): void {
    const cluster = this.#cluster;
    cluster.now += this.below(3) * 20_000;
    const replicas = [...cluster.pools.values()].flatMap(({ document }) => document?.replicas ?? []);
    const busy = replicas[this.below(replicas.length)];
    if (busy !== undefined && busy.state !== 'draining' && this.below(4) === 0) cluster.busy.add(busy.replicaId);
    if (this.below(3) === 0) cluster.busy.clear();
    if (this.below(8) === 0) this.#othersMove();
    this.#look(this.below(2) === 0 ? this.below(12) : Number.POSITIVE_INFINITY);
    if (this.below(3) > 0) cluster.settle();
  }

  #othersMove(): void {
    const { nodes, objects } = this.#cluster;
    const pods = [...objects.values()].filter(({ kind }) => kind === 'Pod');
    const free = [...nodes.free(pods)];
    const [node, gpus] = free[this.below(free.length)] ?? ['', 0];
    const theirs = nodes.others.get(node) ?? 0;
    nodes.others.set(node, this.below(2) === 0 ? theirs + this.below(gpus + 1) : this.below(theirs + 1));
  }

  #look(most: number): void {
    this.#looks += 1;
    this.#watch.look(most);
  }

  #rest(): void {
    for (let looks = 0; looks < 400; looks += 1) {
      const before = this.#cluster.version;
      this.#look(Number.POSITIVE_INFINITY);
      this.#cluster.settle();
      if (before === this.#cluster.version) return;
    }
    this.#watch.problems.push(`it did not come to rest: ${this.#cluster.taken.slice(-6).join(', ')}`);
  }
}
