import { beforeAll, describe, expect, it } from 'vitest';
import type { EngineSettings, SpecDocument } from '#shared/contract/desired.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import { deleted, newDeployment, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';

describe('a change of the engine of a model', () => {
  let lab: ProvisionerLab;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(startProvisionerLab());
  });
  const withEngine = (spec: SpecDocument, engine: EngineSettings): SpecDocument => ({
    ...spec,
    version: spec.version + 1,
    deployments: spec.deployments.map((deployment) => ({ ...deployment, engine })),
  });
  const argsOf = async ({ endpointId }: SpecDocument): Promise<string[]> => {
    const { items } = await lab.kube.list(kinds.pod, { namespace: namespaceName(endpointId) });
    return items.map(({ spec }) => (spec as { containers: { args: string[] }[] }).containers[0]?.args.join(' ') ?? '');
  };

  it('replaces all replicas, tells routers of the new context, and is taken back the same way', async () => {
    await using _provisioner = await lab.start({ FAIRWAY_RESYNC_MS: '500' });
    const spec = lab.newSpec({ deployments: [newDeployment(2)] });
    const { endpointId } = spec;
    await lab.create(spec);
    const before = (await lab.pools(endpointId))[0]?.replicas.map(({ name }) => name) ?? [];
    const shorter = withEngine(spec, { contextTokens: 8192 });
    await lab.isActive(endpointId, await lab.publish(shorter));
    const asked = expect.stringContaining('--max-model-len 8192');
    await eventually(async () => expect(await argsOf(spec)).toEqual([asked, asked]));
    await eventually(async () => {
      const [pool] = await lab.pools(endpointId);
      expect(pool?.engine.contextTokensMax).toBe(8192);
      expect(pool?.replicas.filter(({ name }) => before.includes(name))).toEqual([]);
    });
    await lab.isActive(endpointId, await lab.publish({ ...spec, version: 3 }));
    await eventually(async () => expect((await argsOf(spec)).join(' ')).not.toContain('--max-model-len'));
    await lab.publish(deleted(spec));
    await lab.isGone(endpointId);
  });

  it('to one that never starts is given up, and what was live goes on serving', async () => {
    await using _provisioner = await lab.start({ FAIRWAY_RESYNC_MS: '500', FAIRWAY_CHANGE_DEADLINE_MS: '4000' });
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const { endpointId } = spec;
    const live = await lab.create(spec);
    const [kept] = (await lab.pools(endpointId))[0]?.replicas ?? [];
    // No kubelet here has an image of vLLM.
    const revision = await lab.publish(withEngine(spec, { engine: 'vllm', version: '0.33.0' }));
    await eventually(async () =>
      expect(await lab.status(endpointId)).toMatchObject({
        state: 'active',
        live: { revision: live },
        rejection: { revision, message: expect.stringContaining('vllm/vllm-openai') },
      }),
    );
    const namespace = namespaceName(endpointId);
    await eventually(async () => {
      const { items } = await lab.kube.list(kinds.networkPolicy, { namespace });
      expect(items.map(({ metadata }) => metadata.name)).not.toContain('to-weights');
    });
    await eventually(async () => expect(await argsOf(spec)).toHaveLength(1));
    expect((await lab.pools(endpointId))[0]).toMatchObject({
      engine: { profile: 'sim' },
      replicas: [{ name: kept?.name, state: 'ready' }],
    });
    await lab.publish(deleted(spec));
    await lab.isGone(endpointId);
  });
});
