import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { readClusterConfig } from '#loadtest/cluster/config.ts';
import type { KubeletConfig } from '#loadtest/cluster/kubelet/config.ts';
import { startCluster, type Cluster } from '#loadtest/cluster/service.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { createIdFactory } from '#shared/contract/ids.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { storeDocument } from '#shared/testing/store-document.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { readProvisionerConfig, type ProvisionerConfig } from '../config.ts';
import { createEndpointDocuments } from '../desired/documents.ts';
import { kinds } from '../kube/kinds.ts';
import { isNotFound } from '../kube/kube-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { connectKube, type KubeClient } from '../kube/kube-client.ts';
import type { ProofRequest, Prover } from '../proof/prover.ts';
import { startProvisioner, type Provisioner, type ProvisionerContext } from '../service.ts';
import { labels } from '../manifests/names.ts';
import type { ProofOutcome } from '../proof/proof-record.ts';

/** An engine of a few lines: it is healthy at once and ends when asked. */
const standInEngine = `
process.on('SIGTERM', () => process.exit(0));
const host = process.argv[process.argv.indexOf('--host') + 1];
require('http').createServer((q, r) => r.end('{}')).listen(Number(process.env.FAIRWAY_SIM_PORT || 8000), host);
`;

/** Real NATS, the embedded cluster with a kubelet, and a router that only exists in its reports. For tests. */
export interface ProvisionerLab extends AsyncDisposable {
  nats: Nats;
  cluster: Pick<Cluster, 'kubeconfigPath'>;
  kube: KubeClient;
  vpcId: string;
  /** In-flight requests that the make-believe router reports, by replica. */
  inFlight: Map<string, number>;
  /** The make-believe router says nothing while it is silent. */
  router: { silent: boolean };
  /** What proofs answer; replaced by tests. */
  answer: { proof: (proof: ProofRequest) => ProofOutcome };
  asked: ProofRequest[];
  start(overrides?: Record<string, string>, context?: Partial<ProvisionerContext>): Promise<Provisioner>;
  /** Settings of a provisioner of this lab, as environment variables, for one that is a process of its own. */
  env: Record<string, string>;
  newSpec(parts?: Partial<SpecDocument>): SpecDocument;
  /** Stores a spec; gives its revision. */
  publish(spec: SpecDocument): Promise<number>;
  /** Stores any document on an endpoint's spec subject; gives its sequence. */
  publishRaw(endpointId: string, body: unknown, expectedSeq?: number): Promise<number>;
  status(endpointId: string): Promise<StatusDocument | null>;
  /** Publishes and waits until it is active; gives the revision. */
  create(spec: SpecDocument): Promise<number>;
  isActive(endpointId: string, revision: number): Promise<void>;
  /** Waits for the end and looks that nothing is left. */
  isGone(endpointId: string): Promise<void>;
  /** Objects in the cluster that carry the endpoint's label. */
  objects(endpointId: string): Promise<KubeObject[]>;
  /** The same, as `Kind/name`. */
  leftovers(endpointId: string): Promise<string[]>;
  pools(endpointId: string): Promise<PoolDocument[]>;
  /** Another VPC: a cluster of its own, with a router that is heard. */
  addVpc(): Promise<{ vpcId: string; kubeconfigPath: string; kube: KubeClient }>;
}

/** What `/readyz` says. */
export async function readiness({ url }: Provisioner): Promise<{ missing: string[]; warnings: string[] }> {
  const response = await fetch(`${url}/readyz`);
  return (await response.json()) as { missing: string[]; warnings: string[] };
}

/** A cluster for a lab to run on; pods run in a kubelet with these settings. */
export type StartLabCluster = (
  kubelet: Partial<KubeletConfig>,
) => Promise<AsyncDisposable & Pick<Cluster, 'kubeconfigPath'>>;

const startEmbedded: StartLabCluster = (kubelet) =>
  startCluster(readClusterConfig({}), { log: silentLogger(), kubelet });

/** Starts the lab with `nodes` × 8 GPUs; `routerSilentMs` is how long each provisioner listens before it knows of drains. */
export async function startProvisionerLab({
  nodes = 1,
  cluster: start = startEmbedded,
  region = 'atl1',
  routerSilentMs = 3000,
} = {}): Promise<ProvisionerLab> {
  await using stack = new AsyncDisposableStack();
  const log = silentLogger();
  const server = stack.use(await startRegionNats({ region }));
  const kubelet = {
    FAIRWAY_KUBELET_IMAGES: { 'fairway/sim': ['{node}', '-e', standInEngine, '--'] },
    FAIRWAY_KUBELET_NODES: nodes,
  };
  const cluster = stack.use(await start(kubelet));
  const nats = stack.use(await connectNats({ url: server.url, name: 'lab', log }));
  await makeTestStreams(nats, Object.values(streams), region);
  const kube = stack.use(await connectKube(cluster.kubeconfigPath));
  const documents = createEndpointDocuments(nats);
  const vpcId = randomUUID();
  const provisionerKey = randomBytes(32).toString('base64url');
  const inFlight = new Map<string, number>();
  const router = { silent: false };
  stack.use(startReports(nats, vpcId, { inFlight, router }));
  const asked: ProofRequest[] = [];
  const answer: ProvisionerLab['answer'] = { proof: () => ({ ok: true }) };
  const prover: Prover = {
    prove(proof) {
      asked.push(proof);
      return Promise.resolve(answer.proof(proof));
    },
  };
  const env = {
    FAIRWAY_NATS_URL: server.urlOf({ role: 'provisioner', region }),
    FAIRWAY_REGION: region,
    FAIRWAY_CLUSTERS: `${vpcId}=${cluster.kubeconfigPath}`,
    FAIRWAY_PROVISIONER_KEY: provisionerKey,
    FAIRWAY_PRESTOP_MS: '0',
    FAIRWAY_ROUTER_SILENT_MS: String(routerSilentMs),
    FAIRWAY_LEASE_MS: '600',
  };
  const configOf = (overrides: Record<string, string>): ProvisionerConfig =>
    readProvisionerConfig({ ...env, FAIRWAY_INSTANCE_ID: `lab-${randomUUID().slice(0, 8)}`, ...overrides });
  const running = stack.move();
  const status = async (endpointId: string): Promise<StatusDocument | null> =>
    (await documents.status(endpointId)).document;
  const pools = async (endpointId: string): Promise<PoolDocument[]> =>
    [...(await documents.pools(vpcId, endpointId)).values()].flatMap(({ document }) => document ?? []);
  const objects = async (endpointId: string): Promise<KubeObject[]> => {
    const labelSelector = `${labels.endpoint}=${endpointId}`;
    // Kubernetes' own events outlive what they tell of, and carry no labels.
    const found = Object.values(kinds).filter((kind) => kind !== kinds.event);
    const lists = await Promise.all(
      found.map(async (kind) => {
        try {
          return await kube.list(kind, { labelSelector });
        } catch (error) {
          // Not every cluster serves every kind.
          if (isNotFound(error)) return { items: [] };
          throw error;
        }
      }),
    );
    return lists.flatMap(({ items }) => items);
  };
  const leftovers = async (endpointId: string): Promise<string[]> =>
    (await objects(endpointId)).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  const isActive = async (endpointId: string, revision: number): Promise<void> => {
    const active = { state: 'active', reason: 'Active', observedRevision: revision };
    await eventually(async () => expect(await status(endpointId)).toMatchObject(active), { timeoutMs: 30_000 });
  };
  return {
    nats,
    cluster,
    kube,
    vpcId,
    inFlight,
    router,
    answer,
    asked,
    env,
    start: (overrides = {}, context = {}) => startProvisioner(configOf(overrides), { log, prover, ...context }),
    newSpec: (parts) => newSpec(vpcId, parts),
    publish: (spec) => publish(nats, spec.endpointId, { body: spec }),
    publishRaw: (endpointId, body, expectedSeq) =>
      publish(nats, endpointId, { body, ...(expectedSeq !== undefined && { expectedSeq }) }),
    status,
    pools,
    objects,
    leftovers,
    isActive,
    async create(spec) {
      const revision = await publish(nats, spec.endpointId, { body: spec });
      await isActive(spec.endpointId, revision);
      return revision;
    },
    async isGone(endpointId) {
      const gone = { state: 'gone' };
      await eventually(async () => expect(await status(endpointId)).toMatchObject(gone), { timeoutMs: 30_000 });
      expect(await pools(endpointId)).toEqual([]);
      expect(await leftovers(endpointId)).toEqual([]);
    },
    async addVpc() {
      const other = running.use(await start(kubelet));
      const client = running.use(await connectKube(other.kubeconfigPath));
      const otherId = randomUUID();
      running.use(startReports(nats, otherId, { inFlight, router }));
      return { vpcId: otherId, kubeconfigPath: other.kubeconfigPath, kube: client };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function publish(nats: Nats, endpointId: string, write: { body: unknown; expectedSeq?: number }): Promise<number> {
  return storeDocument(nats, { subject: subjects.spec(endpointId), ...write });
}

const newId = createIdFactory({ now: () => Date.now(), random: () => randomBytes(4).readUInt32BE() / 2 ** 32 });

function newSpec(vpcId: string, parts: Partial<SpecDocument> = {}): SpecDocument {
  const at = new Date().toISOString();
  return {
    v: 1,
    kind: 'spec',
    endpointId: newId('atl1'),
    team: 'team-a',
    region: 'atl1',
    vpcId,
    vpcGiven: true,
    name: 'coding',
    enablePublicEndpoint: true,
    deployments: [newDeployment(2)],
    version: 1,
    createdAt: at,
    updatedAt: at,
    createdBy: 'token-1',
    intents: [],
    ...parts,
  };
}

/** The same endpoint with another scale. */
export const scaled = (spec: SpecDocument, scale: number): SpecDocument => ({
  ...spec,
  version: spec.version + 1,
  deployments: spec.deployments.map((deployment) => ({
    ...deployment,
    accelerators: deployment.accelerators.map((accelerator) => ({ ...accelerator, scale })),
  })),
});

/** The same endpoint, asked to go. */
export const deleted = (spec: SpecDocument): SpecDocument => ({
  ...spec,
  version: spec.version + 1,
  deletion: { requestedAt: spec.createdAt, requestedBy: 'token-1' },
});

/** One model on `scale` single-GPU replicas. */
export function newDeployment(scale: number): SpecDocument['deployments'][number] {
  return {
    modelId: newId('atl1'),
    slug: 'mistral/mistral-7b-instruct-v3',
    provider: 'hugging_face',
    providerModelId: 'mistralai/Mistral-7B-Instruct-v0.3',
    accelerators: [{ acceleratorId: newId('atl1'), slug: 'gpu-mi300x1-192gb', type: 'prefill_decode', scale }],
  };
}

/** Reports as a router does: all that is written has been seen, and what the test says is in flight. */
function startReports(
  nats: Nats,
  vpcId: string,
  { inFlight, router }: Pick<ProvisionerLab, 'inFlight' | 'router'>,
): AsyncDisposable {
  const stop = new AbortController();
  const routerId = randomUUID();
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const last = await readLast(nats, streams.edge.name, '$KV.edge.>').catch(() => null);
      const report = {
        v: 1,
        routerId,
        vpcId,
        epoch: 1,
        edgeRevision: last?.seq ?? 0,
        listeners: { public: 'http://127.0.0.1:1', private: 'http://127.0.0.1:2' },
        inFlight: Object.fromEntries(inFlight),
        leaving: false,
      };
      if (!router.silent) nats.nc.publish(subjects.drain(vpcId, routerId), JSON.stringify(report));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
