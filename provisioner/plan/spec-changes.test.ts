import { describe, expect, it } from 'vitest';
import type { ModelDeployment, SpecDocument } from '#shared/contract/desired.ts';
import { changeKinds, notCarriedOut, specChanges, type ChangeKind } from '#shared/contract/spec-changes.ts';
import { SampleCluster } from '../testing/sample-cluster.ts';
import { sampleIds, sampleSpec } from '../testing/sample-endpoint.ts';

const [model] = sampleSpec(2).deployments as [ModelDeployment];
const [group] = model.accelerators as [ModelDeployment['accelerators'][number]];
const other = (letter: string): string => `01900000-0000-8001-8000-00000000000${letter}`;
const h100 = { ...group, acceleratorId: other('a'), slug: 'gpu-h100x1-80gb' };
const second: ModelDeployment = {
  ...model,
  modelId: other('b'),
  slug: 'second/model',
  providerModelId: 'second/model',
  accelerators: [{ ...group, acceleratorId: other('c') }],
};

/** A change of each kind, beginning with two replicas of one model. */
const changes: Record<ChangeKind, Partial<SpecDocument>[]> = {
  name: [{ name: 'renamed' }],
  scale: [1, 4].map((scale) => ({ deployments: [{ ...model, accelerators: [{ ...group, scale }] }] })),
  accelerators: [[h100], [group, h100]].map((accelerators) => ({ deployments: [{ ...model, accelerators }] })),
  models: [[second], [model, second]].map((deployments) => ({ deployments })),
  exchangedModel: [{ deployments: [{ ...model, slug: 'second/model', providerModelId: 'second/model' }] }],
  engine: [{ contextTokens: 8192 }, { arguments: { parallel: 4 } }].map((engine) => ({
    deployments: [{ ...model, engine }],
  })),
  publicEndpoint: [{ enablePublicEndpoint: false }],
};
const cases = changeKinds.flatMap((kind) => changes[kind].map((parts) => ({ kind, parts })));

function changed(parts: Partial<SpecDocument>): SampleCluster {
  const cluster = new SampleCluster();
  cluster.desired = { kind: 'spec', spec: sampleSpec(2), revision: 1 };
  cluster.run();
  cluster.desired = { kind: 'spec', spec: sampleSpec(2, { version: 2, ...parts }), revision: 2 };
  cluster.run();
  return cluster;
}

describe('a change of a live endpoint', () => {
  it.each(cases)('of $kind ($#) is one of this kind alone', ({ kind, parts }) => {
    const kinds = specChanges(sampleSpec(2), sampleSpec(2, parts)).map((change) => change.kind);
    expect(new Set(kinds)).toEqual(new Set([kind]));
  });

  it.each(cases.filter(({ kind }) => notCarriedOut[kind] === null))('of $kind ($#) is carried out', ({ parts }) => {
    const cluster = changed(parts);
    const { deployments } = sampleSpec(2, parts);
    expect(cluster.status.document).toMatchObject({
      state: 'active',
      live: { revision: 2, deployments },
      rejection: null,
    });
    const asked = deployments.flatMap(({ modelId, accelerators }) =>
      accelerators.flatMap(({ scale }) => Array.from({ length: scale }, () => `${modelId} ready`)),
    );
    const routed = [...cluster.pools].flatMap(([pool, { document }]) =>
      (document?.replicas ?? []).map(({ state }) => `${pool} ${state}`),
    );
    expect(routed.toSorted()).toEqual(asked.toSorted());
    expect([...cluster.objects.values()].filter(({ kind }) => kind === 'Pod')).toHaveLength(asked.length);
  });

  it.each(cases.filter(({ kind }) => notCarriedOut[kind] !== null))(
    'of $kind ($#) is rejected, and what is live stays',
    ({ parts }) => {
      const cluster = changed(parts);
      expect(cluster.status.document).toMatchObject({
        state: 'active',
        live: { revision: 1, deployments: [model], enablePublicEndpoint: true },
        rejection: { revision: 2, reason: 'NotCarriedOut' },
      });
      expect(cluster.pools.get(sampleIds.pool)?.document).toMatchObject({
        models: [model.slug, model.providerModelId],
      });
    },
  );

  it('of the Hugging Face token is carried out: its Secret has the new one, and no replica is replaced', () => {
    const cluster = new SampleCluster();
    cluster.huggingFaceToken = 'hf_first';
    cluster.desired = { kind: 'spec', spec: sampleSpec(2), revision: 1 };
    cluster.run();
    const podsOf = () =>
      [...cluster.objects.values()].flatMap(({ kind, metadata }) => (kind === 'Pod' ? [metadata.uid] : []));
    const before = podsOf();
    cluster.huggingFaceToken = 'hf_second';
    cluster.desired = { kind: 'spec', spec: sampleSpec(2, { version: 2 }), revision: 2 };
    cluster.run();
    const secret = [...cluster.objects.values()].find(({ kind }) => kind === 'Secret');
    expect(Object.values(secret?.['data'] as object)).toContain(Buffer.from('hf_second').toString('base64'));
    expect(cluster.status.document).toMatchObject({ state: 'active', live: { revision: 2 } });
    expect(podsOf()).toEqual(before);
  });
});
