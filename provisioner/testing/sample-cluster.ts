import { isDeepStrictEqual } from 'node:util';
import { kindOf } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Plan } from '../plan/endpoint-plan.ts';
import { planEndpoint } from '../plan/plan.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import type { QuarantineDocument, WordDocument } from '#shared/contract/infra.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { Step } from '../plan/step.ts';
import { nextStatus } from '../report/next-status.ts';
import { sampleIds, sampleNow, sampleObserved, sampleSettings, sampleSpec } from './sample-endpoint.ts';
import { viewPod, type PodView } from '../observe/pod-view.ts';
import { place, podOf, SampleNodes } from './sample-nodes.ts';
import type { ProofRecord } from '../proof/proof-record.ts';
import { intentSeqOf, labels } from '../manifests/names.ts';
import type { DesiredEntry, Sequenced } from '../desired/desired-map.ts';

/**
 * A cluster, its controllers, routers and NATS in memory, as far as plans reach: for tests that run plans to their end.
 * Steps take effect at once; controllers act when `settle` is called, and a namespace ends in one go.
 */
export class SampleCluster {
  readonly objects = new Map<string, KubeObject>();
  readonly pools = new Map<string, Sequenced<PoolDocument>>();
  readonly proofs = new Map<string, ProofRecord>();
  /** Replicas with requests in flight: their drains do not end. */
  readonly busy = new Set<string>();
  /** Steps that were taken, as text. */
  readonly taken: string[] = [];
  /** Pods that were deleted while they were not draining or had requests in flight. */
  readonly harmed: string[] = [];
  status: Sequenced<StatusDocument> = { document: null, seq: 0 };
  desired: DesiredEntry = { kind: 'absent' };
  now = sampleNow;
  /** New pods are ready at once, but for those that stay as they are. */
  podsStart = true;
  stays = (_pod: PodView): boolean => false;
  /** Pods that are deleted stay for another round, and keep their room. */
  lingers = false;
  readonly nodes = new SampleNodes();
  quarantine: Sequenced<QuarantineDocument> = { document: null, seq: 0 };
  word: Sequenced<WordDocument> = { document: null, seq: 0 };
  settings = sampleSettings;
  /** The endpoint's token as it was opened. */
  huggingFaceToken: string | undefined;
  renew = false;
  gatewayApi = true;
  /** Names of pods that have a node and were kept back. */
  readonly #late = new Set<string>();
  #version = 1;
  #proofsAnswer = true;

  /** Sets members of the status of every pod, or of those that are named. */
  changePods(status: Record<string, unknown>, named = (_name: string): boolean => true): void {
    for (const pod of this.objects.values())
      if (pod.kind === 'Pod' && named(pod.metadata.name)) {
        this.#version += 1;
        pod['status'] = { ...(pod['status'] as object), ...status };
      }
  }

  /** From now on proofs fail. */
  failProofs(): void {
    this.#proofsAnswer = false;
  }

  /** From now on proofs succeed again. */
  answerProofs(): void {
    this.#proofsAnswer = true;
  }

  observe(): ObservedState {
    const all = [...this.objects.values()];
    const of = (kind: string): KubeObject[] => all.filter((object) => object.kind === kind);
    const replicas = [...this.pools.values()].flatMap(({ document }) => document?.replicas ?? []);
    const gates = replicas
      .filter(({ state }) => state === 'draining')
      .map(({ replicaId }) => [replicaId, { go: !this.busy.has(replicaId), reason: '' }] as const);
    return sampleObserved({
      desired: this.desired,
      status: this.status,
      huggingFaceToken: this.huggingFaceToken,
      resource: of('DedicatedInference')[0] ?? null,
      namespace: of('Namespace')[0] ?? null,
      children: all.filter(({ kind, metadata }) => metadata.namespace !== undefined && kind !== 'Pod'),
      pods: of('Pod').map(viewPod),
      room: this.nodes.room(of('Pod')),
      pools: new Map(this.pools),
      proofs: new Map(this.proofs),
      gates: new Map(gates),
      newestSeq: Math.max(this.status.document?.observedRevision ?? 0, ...all.map(intentSeqOf)),
      quarantine: this.quarantine,
      word: this.word,
      renew: this.renew,
      gatewayApi: this.gatewayApi,
      now: this.now,
    });
  }

  /** Grows with every change of anything. */
  get version(): number {
    return this.#version + this.status.seq + this.proofs.size;
  }

  /** One look: plans, takes the first `most` steps, and reports unless it died on the way. Tells what was planned. */
  look(most = Number.POSITIVE_INFINITY): Plan {
    const observed = this.observe();
    const plan = planEndpoint(observed, this.settings);
    for (const step of plan.steps.slice(0, most)) this.take(step);
    if (plan.steps.length > most || observed.desired.kind !== 'spec' || plan.progress === null) return plan;
    const given = { progress: plan.progress, settings: this.settings };
    const next = nextStatus(observed.desired, observed, given);
    if (next !== null) this.status = { document: next.document, seq: this.status.seq + 1 };
    return plan;
  }

  /** Looks and lets controllers act until nothing moves; gives the number of looks. @throws when it never rests. */
  run(looksMax = 60): number {
    for (let looks = 1; looks <= looksMax; looks += 1) {
      const before = this.version;
      this.look();
      this.settle();
      if (before === this.version) return looks;
    }
    throw new Error(`it did not come to rest: ${this.taken.slice(-10).join(', ')}`);
  }

  take(step: Step): void {
    this.taken.push(`${step.kind} ${'object' in step ? step.object.kind : 'seen' in step ? step.seen.kind.kind : ''}`);
    switch (step.kind) {
      case 'create-resource':
      case 'apply':
        return this.#put(step.object);
      case 'delete':
        return this.#delete(step);
      case 'mark-pod':
        return this.#change('Pod', step.seen.name, (pod) => {
          pod.metadata.annotations = { 'controller.kubernetes.io/pod-deletion-cost': String(step.cost) };
        });
      case 'patch-status':
        return this.#change(step.seen.kind.kind, step.seen.name, (object) => {
          object['status'] = step.status;
        });
      case 'release-resource':
        this.#version += 1;
        return void this.objects.delete(`DedicatedInference/${step.seen.name}`);
      case 'write-pool':
        this.#version += 1;
        return void this.pools.set(step.document.pool, { document: step.document, seq: step.expectedSeq + 1 });
      case 'remove-pool':
        this.#version += 1;
        return void this.pools.set(step.pool, { document: null, seq: step.expectedSeq + 1 });
      case 'prove':
        return void this.proofs.set(step.key, this.#prove(this.proofs.get(step.key)?.failures ?? 0));
      case 'write-status':
        return void (this.status = { document: step.status, seq: step.expectedSeq + 1 });
      case 'keep-quarantine':
        this.#version += 1;
        return void (this.quarantine = { document: step.quarantine, seq: step.expectedSeq + 1 });
      case 'remove-document':
        this.#version += 1;
        if (step.subject.includes('.word.')) this.word = { document: null, seq: step.expectedSeq + 1 };
        else this.quarantine = { document: null, seq: step.expectedSeq + 1 };
        return;
      case 'confirm-gone':
      case 'tell':
    }
  }

  #prove(failed: number): ProofRecord {
    if (this.#proofsAnswer) return { ok: true, at: this.now, failures: 0 };
    return { ok: false, reason: 'no answer', at: this.now, failures: failed + 1 };
  }

  /** Deployments get and lose pods by deletion cost, newest first; pods are ready at once; deleted things go. */
  settle(): void {
    const ending = [...this.objects.values()].filter(({ kind }) => kind === 'Namespace');
    for (const object of ending) if (object.metadata.deletionTimestamp !== undefined) this.#empty(object);
    for (const pod of this.#podsOf()) if (pod.metadata.deletionTimestamp !== undefined) this.#remove(pod);
    for (const deployment of [...this.objects.values()].filter(({ kind }) => kind === 'Deployment'))
      this.#scale(deployment);
    for (const pod of this.#podsOf()) this.#advance(pod);
  }

  #podsOf(): KubeObject[] {
    return [...this.objects.values()].filter(({ kind }) => kind === 'Pod');
  }

  /** A pod gets a node that has room, and becomes ready there. */
  #advance(pod: KubeObject): void {
    const view = viewPod(pod);
    const { nodeName } = pod['spec'] as { nodeName?: string };
    const late = this.stays(view);
    if (view.deletingAt !== undefined || (nodeName !== undefined && (late || !this.#late.delete(view.name)))) return;
    const node = nodeName ?? this.nodes.placeFor(pod, this.#podsOf());
    if (node === undefined) return;
    this.#version += 1;
    if (late) this.#late.add(view.name);
    place(pod, node, this.podsStart && !late);
  }

  #scale(deployment: KubeObject): void {
    const { labels: own = {}, deletionTimestamp: ending } = deployment.metadata;
    const { replicas, template } = deployment['spec'] as {
      replicas: number;
      template: Pick<KubeObject, 'metadata' | 'spec'>;
    };
    const cost = (pod: KubeObject): number => viewPod(pod).deletionCost;
    const pods = this.#podsOf()
      .filter(({ metadata }) => metadata.labels?.[labels.revision] === own[labels.revision])
      .filter((pod) => !viewPod(pod).finished && pod.metadata.deletionTimestamp === undefined)
      .toSorted((a, b) => cost(b) - cost(a) || a.metadata.name.localeCompare(b.metadata.name));
    for (const pod of pods.slice(ending === undefined ? replicas : 0)) this.#kill(pod);
    if (ending !== undefined) return this.#remove(deployment);
    for (let missing = pods.length; missing < replicas; missing += 1) this.#birth(template);
    const after = { observedGeneration: deployment.metadata.generation, replicas };
    // What a controller has seen is news too: a plan may have waited for it.
    if (!isDeepStrictEqual(deployment['status'], after)) this.#version += 1;
    deployment['status'] = after;
  }

  #birth(template: Pick<KubeObject, 'metadata' | 'spec'>): void {
    const pod = podOf(template, (this.#version += 1));
    this.objects.set(`Pod/${pod.metadata.name}`, pod);
  }

  #kill(pod: KubeObject): void {
    const { uid = '', name } = pod.metadata;
    const replicas = [...this.pools.values()].flatMap(({ document }) => document?.replicas ?? []);
    const state = replicas.find(({ replicaId }) => replicaId === uid)?.state;
    if (this.busy.has(uid) || (state !== undefined && state !== 'draining')) this.harmed.push(name);
    if (!this.lingers) return this.#remove(pod);
    this.#version += 1;
    pod.metadata.deletionTimestamp = new Date(this.now).toISOString();
  }

  #remove({ kind, metadata: { name } }: KubeObject): void {
    this.#version += 1;
    this.objects.delete(`${kind}/${name}`);
  }

  #put(object: KubeObject): void {
    kindOf(object);
    const key = `${object.kind}/${object.metadata.name}`;
    const live = this.objects.get(key);
    this.#version += 1;
    const metadata = {
      ...object.metadata,
      uid: live?.metadata.uid ?? `uid-${this.#version}`,
      resourceVersion: String(this.#version),
      generation: this.#version,
    };
    this.objects.set(key, { ...live, ...object, metadata });
  }

  #change(kind: string, name: string, change: (object: KubeObject) => void): void {
    const live = this.objects.get(`${kind}/${name}`);
    if (live === undefined) return;
    this.#version += 1;
    change(live);
  }

  #delete({ seen: { kind, name }, propagation }: Extract<Step, { kind: 'delete' }>): void {
    const live = this.objects.get(`${kind.kind}/${name}`);
    if (live === undefined) return;
    const stays = kind.kind === 'DedicatedInference' || kind.kind === 'Namespace' || propagation === 'Foreground';
    if (!stays) return this.#remove(live);
    this.#version += 1;
    live.metadata.deletionTimestamp = new Date(this.now).toISOString();
  }

  #empty(namespace: KubeObject): void {
    for (const [key, object] of this.objects) {
      if (object.kind === 'Pod') this.#kill(object);
      else if (object.metadata.namespace !== undefined) this.objects.delete(key);
    }
    this.#remove(namespace);
  }
}

export const revised = (spec: SpecDocument, revision: number) => ({ kind: 'spec' as const, spec, revision });

/** A cluster whose endpoint is active, with this many replicas. */
export function started(scale: number): SampleCluster {
  const cluster = new SampleCluster();
  cluster.desired = revised(sampleSpec(scale), 1);
  cluster.run();
  return cluster;
}

export const replicasOf = (cluster: SampleCluster): number =>
  [...cluster.objects.values()].filter(({ kind }) => kind === 'Pod').length;

/** States of the pool's replicas, sorted. */
export const statesOf = (cluster: SampleCluster): string[] =>
  (cluster.pools.get(sampleIds.pool)?.document?.replicas ?? [])
    .map(({ state }) => state)
    .toSorted((a, b) => a.localeCompare(b));
