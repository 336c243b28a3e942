import { expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import { newDeployment, startProvisionerLab } from './provisioner-lab.ts';

it('a build that writes other templates rolls nobody by itself, and one endpoint at a time when it may', async () => {
  await using lab = await startProvisionerLab();
  const specs = [lab.newSpec({ deployments: [newDeployment(1)] }), lab.newSpec({ deployments: [newDeployment(1)] })];
  const graces = async (): Promise<unknown[][]> => {
    const lists = await Promise.all(
      specs.map(({ endpointId }) => lab.kube.list(kinds.deployment, { namespace: namespaceName(endpointId) })),
    );
    return lists.map(({ items }) =>
      items.map(({ spec }) => {
        const { template } = spec as { template: { spec: { terminationGracePeriodSeconds: number } } };
        return template.spec.terminationGracePeriodSeconds;
      }),
    );
  };
  {
    await using _before = await lab.start({ FAIRWAY_GRACE_MS: '20000' });
    for (const spec of specs) await lab.create(spec);
  }
  const old = await graces();
  const newer = { FAIRWAY_GRACE_MS: '30000', FAIRWAY_RESYNC_MS: '300', FAIRWAY_REPROVE_MS: '300' };
  {
    await using _upgraded = await lab.start(newer);
    const asked = lab.asked.length;
    // Both have been looked at many times.
    await eventually(() => expect(lab.asked.length).toBeGreaterThan(asked + 12));
    expect(await graces()).toEqual(old);
  }
  await using _renewing = await lab.start({ ...newer, FAIRWAY_RENEW_MAX: '1' });
  let atOnce = 0;
  await eventually(async () => {
    const now = await graces();
    atOnce = Math.max(atOnce, now.filter((each) => each.length > 1).length);
    expect(now).toEqual([[30], [30]]);
  });
  expect(atOnce).toBeLessThanOrEqual(1);
  for (const { endpointId } of specs)
    await eventually(async () =>
      expect(await lab.status(endpointId)).toMatchObject({ state: 'active', reason: 'Active' }),
    );
});
