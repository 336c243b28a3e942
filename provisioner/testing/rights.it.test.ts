import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kubectl } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import { labelsOf, leafSecretName, namespaceName, systemNamespace } from '../manifests/names.ts';
import { findGatewayApi, installGatewayApi } from './gateway-kinds.ts';
import { deleted, newDeployment, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';
import { startRealCluster } from './real-cluster.ts';

const { binaries, definitions, unless } = await findGatewayApi();

const account = 'fairway-provisioner';
const base = join(import.meta.dirname, '../../k8s/base');

/** A line of kube-apiserver's audit log, as far as it is read. */
interface AuditLine {
  stage: string;
  verb: string;
  user: { username: string };
  objectRef?: { apiGroup?: string; resource: string; subresource?: string; name?: string };
  responseStatus?: { code: number };
}

/** Rights that the account has used, as `verb group/resource`; an apply that made its object took two. */
async function usedRights(log: string): Promise<{ used: Set<string>; refused: string[] }> {
  const used = new Set<string>();
  const refused: string[] = [];
  for (const line of (await readFile(log, 'utf8')).trim().split('\n')) {
    const { stage, verb, user, objectRef, responseStatus } = JSON.parse(line) as AuditLine;
    const ours = user.username === `system:serviceaccount:${systemNamespace}:${account}`;
    if (!ours || objectRef === undefined || stage === 'RequestReceived') continue;
    const { apiGroup = '', resource, subresource, name } = objectRef;
    // What it may do with that Secret is a role of its own; here it only must not be refused.
    const ofCertificate = resource === 'secrets' && name === leafSecretName;
    const what = `${apiGroup}/${subresource === undefined ? resource : `${resource}/${subresource}`}`;
    if (!ofCertificate) used.add(`${verb} ${what}`);
    if (responseStatus?.code === 201) used.add(`create ${what}`);
    if (responseStatus?.code === 403) refused.push(`${verb} ${what}`);
  }
  return { used, refused };
}

/** Rights of the role as the file has them. */
async function givenRights(): Promise<Set<string>> {
  const text = await readFile(join(base, 'provisioner-role.yaml'), 'utf8');
  const objects = text
    .split('\n---\n')
    .map((part) => JSON.parse(part.replaceAll(/^#.*$/gm, '')) as { kind: string; rules?: Record<string, string[]>[] });
  const rules = objects.find(({ kind }) => kind === 'ClusterRole')?.rules ?? [];
  return new Set(
    rules.flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
}

/** A router that ran in a pod was heard once; the provisioner forgets it when it has asked whether that pod is gone. */
async function losesRouter({ nats, vpcId }: ProvisionerLab): Promise<void> {
  const routerId = randomUUID();
  const pod = { namespace: systemNamespace, name: 'router-0', uid: randomUUID() };
  const listeners = { public: 'http://127.0.0.1:1', private: 'http://127.0.0.1:2' };
  const about = { v: 1, routerId, vpcId, epoch: 1, pod, listeners };
  const registered = async (): Promise<boolean> => {
    const row = await readLast(nats, streams.infra.name, subjects.router(vpcId, routerId));
    return row?.deleted === false;
  };
  await eventually(async () => {
    const report = { ...about, edgeRevision: 0, inFlight: {}, leaving: false };
    nats.nc.publish(subjects.drain(vpcId, routerId), JSON.stringify(report));
    expect(await registered()).toBe(true);
  });
  await eventually(async () => expect(await registered()).toBe(false), { timeoutMs: 30_000 });
}

describe('the provisioner’s role, on a real API server', unless, () => {
  it('lets it do what it does, and nothing that it does not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairway-rights-'));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const log = join(folder, 'audit.log');
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
    await writeFile(join(folder, 'policy.json'), JSON.stringify(policy));
    const audit = [`--audit-policy-file=${join(folder, 'policy.json')}`, `--audit-log-path=${log}`];
    const lab = stack.use(
      await startProvisionerLab({ cluster: (kubelet) => startRealCluster(binaries, kubelet, audit) }),
    );
    const { kubeconfigPath } = lab.cluster;
    const admin = { binaries, kubeconfigPath };
    await installGatewayApi(admin, definitions);
    const roles = ['router-certificate-role.yaml', 'provisioner-role.yaml'].map((name) => join(base, name));
    await kubectl(admin, ['apply', '--server-side', ...roles.flatMap((file) => ['-f', file])]);
    const { stdout: token } = await kubectl(admin, ['-n', systemNamespace, 'create', 'token', account]);
    const kubeconfig = JSON.parse(await readFile(kubeconfigPath, 'utf8')) as { users: { name: string }[] };
    const own = join(folder, 'kubeconfig');
    const users = kubeconfig.users.map(({ name }) => ({ name, user: { token: token.trim() } }));
    await writeFile(own, JSON.stringify({ ...kubeconfig, users }));
    const settings = { FAIRWAY_CLUSTERS: `${lab.vpcId}=${own}`, FAIRWAY_CLUSTER_LOOK_MS: '300' };
    await using _provisioner = await lab.start(settings);
    await losesRouter(lab);
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    await lab.create(spec);
    await lab.isActive(spec.endpointId, await lab.publish(scaled(spec, 2)));
    await lab.isActive(spec.endpointId, await lab.publish({ ...scaled(spec, 1), version: 3 }));
    const namespace = namespaceName(spec.endpointId);
    // Objects with the endpoint's labels that no spec has: one of each kind is pruned.
    const strays = [
      { kind: kinds.service, spec: { clusterIP: 'None' } },
      { kind: kinds.serviceAccount },
      { kind: kinds.secret },
      { kind: kinds.resourceQuota, spec: {} },
      { kind: kinds.limitRange, spec: { limits: [] } },
      { kind: kinds.networkPolicy, spec: { podSelector: {} } },
      { kind: kinds.podDisruptionBudget, spec: {} },
      { kind: kinds.httpRoute, spec: {} },
      { kind: kinds.inferencePool, spec: { selector: { matchLabels: { a: 'b' } }, targetPorts: [{ number: 1 }] } },
      { kind: kinds.deployment, spec: strayDeployment },
    ];
    for (const {
      kind: { apiVersion, kind },
      spec: content,
    } of strays) {
      const metadata = { name: 'stray', namespace, labels: labelsOf(spec.endpointId, 'stray') };
      await lab.kube.create({ apiVersion, kind, metadata, ...(content && { spec: content }) });
    }
    await eventually(async () => {
      const lists = await Promise.all(strays.map(({ kind }) => lab.kube.list(kind, { namespace })));
      expect(lists.flatMap(({ items }) => items.filter(({ metadata }) => metadata.name === 'stray'))).toEqual([]);
    });
    await lab.publish(deleted(spec));
    await lab.isGone(spec.endpointId);

    const given = await givenRights();
    const { used, refused } = await usedRights(log);
    expect(refused).toEqual([]);
    expect([...used].filter((right) => !given.has(right)).toSorted()).toEqual([]);
    expect([...given].filter((right) => !used.has(right)).toSorted()).toEqual([]);
    expect([...given].filter((right) => right.includes('*'))).toEqual([]);
  }, 180_000);
});

const strayDeployment = {
  replicas: 0,
  selector: { matchLabels: { a: 'b' } },
  template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
};
