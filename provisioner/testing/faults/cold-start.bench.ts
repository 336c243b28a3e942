/**
 * Run: node setup.mjs provisioner/testing/faults/cold-start.bench.ts [endpoints] [replicas]
 * From the start of a provisioner that finds specs of so many endpoints and an empty cluster until all are active, on a
 * real API server. Beside it, in the same run, the least that this takes: the same objects written by a bare client, until
 * their pods are ready. Then five more are made, one after the other. Pods are no processes, and proofs are answered at
 * once.
 */
import { loadavg } from 'node:os';
import { KubeHttp } from '#loadtest/cluster/client/kube-http.ts';
import { readKubeconfig } from '#loadtest/cluster/client/kubeconfig.ts';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startView } from '#shared/runtime/nats/nats-view.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../../kube/kinds.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { startReflector } from '../../kube/reflector.ts';
import { labels } from '../../manifests/names.ts';
import { viewPod } from '../../observe/pod-view.ts';
import { newDeployment, type ProvisionerLab } from '../provisioner-lab.ts';
import { startStandInLab } from './stand-in-lab.ts';
import { startVictim } from './victim/start-victim.ts';

const [endpoints = 200, replicas = 3] = process.argv.slice(2).map(Number);
const patient = { timeoutMs: 600_000, everyMs: 50 };
const nodes = Math.ceil(((endpoints + 5) * replicas) / 8);
const [log, clock] = [silentLogger(), systemClock];

const { binaries } = await findKubelab('a real kube-apiserver for a cold start');
const real = binaries === '' ? {} : { binaries };
const made: KubeObject[][] = [];
{
  await using lab = await startStandInLab({ nodes, ...real });
  say({ what: 'provisioner', ...(await coldStart(lab)) });
}
{
  await using lab = await startStandInLab({ nodes, ...real });
  say({ what: 'bare client', ...(await bareWrites(lab)) });
}

async function coldStart(lab: ProvisionerLab): Promise<object> {
  const ids: string[] = [];
  for (let count = 0; count < endpoints; count += 1) {
    const spec = lab.newSpec({ deployments: [newDeployment(replicas)] });
    ids.push(spec.endpointId);
    await lab.publish(spec);
  }
  const active = new Map<string, number>();
  const apply = ({ subject, text }: { subject: string; text: string }): void => {
    if (JSON.parse(text).state === 'active') active.set(subject, active.get(subject) ?? clock.monotonic());
  };
  const status = { stream: streams.status.name, subjects: [subjects.everyStatus] };
  await using _view = startView({ nats: lab.nats, clock, log, ...status, apply });
  const cpuBefore = await apiServerCpu(lab);
  const startedAt = clock.monotonic();
  await using provisioner = await startVictim(lab, undefined);
  const servedAt = clock.monotonic();
  const readyAt = provisioner.says('cluster.ready').then(() => clock.monotonic());
  await eventually(() => {
    if (active.size < endpoints) throw new Error(`${active.size} of ${endpoints} are active`);
  }, patient);
  const doneMs = Math.round(clock.monotonic() - startedAt);
  const metrics = await (await fetch(`${provisioner.url}/metrics`)).text();
  const apiServerCpuSeconds = (await apiServerCpu(lab)) - cpuBefore;
  const oneMoreMs: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    const spec = lab.newSpec({ deployments: [newDeployment(replicas)] });
    const publishedAt = clock.monotonic();
    await lab.publish(spec);
    const at = await eventually(() => {
      const activeAt = active.get(subjects.status(spec.endpointId));
      if (activeAt === undefined) throw new Error('it is not active yet');
      return activeAt;
    }, patient);
    oneMoreMs.push(Math.round(at - publishedAt));
  }
  for (const id of ids) made.push(await lab.objects(id));
  const times = [...active.values()].map((at) => at - startedAt).toSorted((left, right) => left - right);
  return {
    endpoints,
    replicas,
    startMs: Math.round(servedAt - startedAt),
    clusterReadyMs: Math.round((await readyAt) - startedAt),
    firstActiveMs: Math.round(times[0] ?? 0),
    halfActiveMs: Math.round(times[Math.floor(times.length / 2)] ?? 0),
    allActiveMs: doneMs,
    oneMoreMs,
    memoryMiB: Math.round(metricOf(metrics, 'process_resident_memory_bytes') / 2 ** 20),
    cpuSeconds: metricOf(metrics, 'process_cpu_seconds_total'),
    requests: Object.fromEntries(
      ['GET', 'PATCH', 'DELETE', 'WATCH'].map((method) => [
        method,
        metricOf(metrics, 'fairway_kube_call_seconds_count', `method="${method}"`),
      ]),
    ),
    apiServerCpuSeconds,
    requestSeconds: metricOf(metrics, 'fairway_kube_call_seconds_sum', 'method="PATCH"'),
  };
}

/** Sum of a metric's lines that hold the text. */
function metricOf(text: string, name: string, label = ''): number {
  const lines = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line) && line.includes(label));
  return Number(lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0).toFixed(2));
}

/** CPU time of the API server so far, seconds: what it cost, however busy the machine is. */
async function apiServerCpu({ cluster }: ProvisionerLab): Promise<number> {
  await using http = new KubeHttp(await readKubeconfig(cluster.kubeconfigPath));
  const { body } = await http.send('GET', '/metrics');
  return metricOf(String(body['message']), 'process_cpu_seconds_total');
}

/** The same objects, endpoint after endpoint, eight at a time: as many connections as the provisioner's client has. */
async function bareWrites(lab: ProvisionerLab): Promise<object> {
  {
    await using provisioner = await startVictim(lab, undefined);
    await eventually(async () => {
      const { status } = await fetch(`${provisioner.url}/readyz`);
      if (status !== 200) throw new Error('the definition is not there yet');
    }, patient);
  }
  const cpuBefore = await apiServerCpu(lab);
  const startedAt = clock.monotonic();
  const selection = { labelSelector: labels.endpoint };
  await using pods = startReflector({ client: lab.kube, kind: kinds.pod, clock, log, ...selection });
  const waiting = made.map(applicable);
  const write = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      for (const object of next) await lab.kube.apply(object);
  };
  await Promise.all(Array.from({ length: 8 }, write));
  const writtenMs = Math.round(clock.monotonic() - startedAt);
  await eventually(() => {
    const ready = pods.store.list().filter((pod) => viewPod(pod).ready).length;
    if (ready < endpoints * replicas) throw new Error(`${ready} pods are ready`);
  }, patient);
  return {
    writes: made.flatMap(applicable).length,
    writtenMs,
    allReadyMs: Math.round(clock.monotonic() - startedAt),
    apiServerCpuSeconds: (await apiServerCpu(lab)) - cpuBefore,
  };
}

/** What a client would write, in its order: without what the server and controllers have added. */
function applicable(objects: readonly KubeObject[]): KubeObject[] {
  const first = ['DedicatedInference', 'Namespace', 'ServiceAccount', 'ResourceQuota', 'Secret', 'Service'];
  const order = (kind: string): number => (first.includes(kind) ? first.indexOf(kind) : first.length);
  return objects
    .filter(({ kind }) => kind !== 'Pod' && kind !== 'ReplicaSet')
    .toSorted((left, right) => order(left.kind) - order(right.kind))
    .map(({ status: _status, metadata, ...rest }) => {
      const { name, namespace, labels: own = {}, annotations = {} } = metadata;
      return { ...rest, metadata: { name, ...(namespace && { namespace }), labels: own, annotations } };
    });
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify({ ...line, load: loadavg().map(Math.round) })}\n`);
}
