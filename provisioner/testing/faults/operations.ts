import { expect } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { deleted, newDeployment, scaled, type ProvisionerLab } from '../provisioner-lab.ts';

/** One thing that users do to an endpoint. */
export interface Operation {
  name: string;
  after: (before: SpecDocument) => SpecDocument;
}

/**
 * In the order of an endpoint's life; the first makes it. An update replaces the replica, by surge. One replica goes at a
 * time: of two, it is chance whether their drains end at one look or at two, which are more writes.
 */
export const operations: readonly Operation[] = [
  { name: 'create', after: (spec) => spec },
  { name: 'update', after: onOtherGpus },
  { name: 'scale up', after: (spec) => scaled(spec, 2) },
  { name: 'scale down', after: (spec) => scaled(spec, 1) },
  { name: 'delete', after: (spec) => deleted(spec) },
];

/** What every endpoint begins as. */
export const newEndpoint = (lab: ProvisionerLab): SpecDocument => lab.newSpec({ deployments: [newDeployment(1)] });

/** The same endpoint on another size of GPUs: every replica is replaced. */
export function onOtherGpus(spec: SpecDocument): SpecDocument {
  const [other] = newDeployment(1).accelerators.map((accelerator) => ({ ...accelerator, slug: 'gpu-h100x1-80gb' }));
  const deployments = spec.deployments.map((deployment) => ({
    ...deployment,
    accelerators: deployment.accelerators.map(({ scale, ...present }) => ({ ...present, ...other, scale })),
  }));
  return { ...spec, version: spec.version + 1, deployments };
}

/** True when all that was asked for is there, and nothing beside it. @throws while that is not so. */
export async function isDone(lab: ProvisionerLab, spec: SpecDocument, revision: number): Promise<void> {
  const { endpointId } = spec;
  const status = await lab.status(endpointId);
  if (spec.deletion !== undefined) {
    expect(status).toMatchObject({ state: 'gone' });
    expect(await lab.pools(endpointId)).toEqual([]);
    expect(await lab.leftovers(endpointId)).toEqual([]);
    return;
  }
  expect(status).toMatchObject({ state: 'active', reason: 'Active', observedRevision: revision });
  const wanted = spec.deployments
    .flatMap(({ accelerators }) => accelerators)
    .reduce((sum, { scale }) => sum + scale, 0);
  const objects = await lab.objects(endpointId);
  const ofKind = (name: string) => objects.filter(({ kind }) => kind === name);
  expect(ofKind('Deployment')).toHaveLength(1);
  // Of a Deployment that is gone it may still wait for the garbage collector.
  expect(ofKind('ReplicaSet')).toHaveLength(1);
  expect(ofKind('Pod')).toHaveLength(wanted);
  const replicas = (await lab.pools(endpointId)).flatMap((pool) => pool.replicas.map(({ state }) => state));
  expect(replicas).toEqual(Array.from({ length: wanted }, () => 'ready'));
}

/** Waits for that. */
export const untilDone = (lab: ProvisionerLab, spec: SpecDocument, revision: number): Promise<void> =>
  eventually(() => isDone(lab, spec, revision), { timeoutMs: 60_000, everyMs: 100 });

/**
 * All that an endpoint is in the cluster, for routers and in its status, without what differs from one endpoint to the next and what
 * controllers say: two endpoints with the same spec give the same text.
 */
export async function pictureOf(lab: ProvisionerLab, spec: SpecDocument): Promise<string> {
  const { endpointId } = spec;
  const objects = (await lab.objects(endpointId)).map(lasting);
  const pools = (await lab.pools(endpointId)).map(({ replicas, engine, models }) => {
    return { engine, models, replicas: replicas.map(({ state }) => state) };
  });
  const { state, pastChanges = [] } = (await lab.status(endpointId)) ?? {};
  const told = { state, pastChanges: pastChanges.length };
  const lines = [...objects, ...pools, told].map((each) => JSON.stringify(each));
  const ids = [endpointId, ...spec.deployments.flatMap(idsOf)];
  const named = ids.reduce((text, id, index) => text.replaceAll(id, `<id ${index}>`), lines.toSorted().join('\n'));
  return named
    .replaceAll(/\b[0-9a-f]{8,}\b/g, '<hash>')
    .split('\n')
    .toSorted()
    .join('\n');
}

const idsOf = ({ modelId, accelerators }: SpecDocument['deployments'][number]): string[] => [
  modelId,
  ...accelerators.map(({ acceleratorId }) => acceleratorId),
];

function lasting({ kind, metadata, ...rest }: KubeObject): object {
  // These are the Deployment's; only that they are there, and how often, is looked at.
  if (kind === 'Pod' || kind === 'ReplicaSet') return { kind };
  const { name, labels = {}, finalizers = [] } = metadata;
  const { status: _said, data, spec, ...more } = rest;
  const { intentSeq: _revision, ...wanted } = (spec ?? {}) as Record<string, unknown>;
  const secret = data === undefined ? [] : Object.keys(data as object);
  return { kind, name, labels, finalizers, spec: wanted, secret, ...more };
}
