import { beforeAll, describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from '../kube/kinds.ts';
import { namespaceName } from '../manifests/names.ts';
import { deleted, newDeployment, scaled, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';

describe('a change that does not come about', () => {
  let lab: ProvisionerLab;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(startProvisionerLab());
  });
  const begin = (overrides = {}) => lab.start({ FAIRWAY_RESYNC_MS: '500', ...overrides });
  const beginImpatient = () => begin({ FAIRWAY_CHANGE_DEADLINE_MS: '6000' });
  const create = (spec: SpecDocument): Promise<number> => lab.create(spec);
  const isActive = (spec: SpecDocument, revision: number): Promise<void> => lab.isActive(spec.endpointId, revision);
  const isGone = ({ endpointId }: SpecDocument): Promise<void> => lab.isGone(endpointId);
  const podsOf = async ({ endpointId }: SpecDocument) =>
    (await lab.kube.list(kinds.pod, { namespace: namespaceName(endpointId) })).items;

  it('is given up at its deadline, and the endpoint goes on serving what was live', async () => {
    const patient = await started.use(begin());
    const spec = lab.newSpec();
    const live = await create(spec);
    const revision = await lab.publish(scaled(spec, 9));
    const fewer = expect.stringMatching(/fewer replicas.* change the endpoint again/);
    const estimate = { likeness: 'model', changes: 1 };
    await eventually(async () =>
      expect(await lab.status(spec.endpointId)).toMatchObject({
        phase: 'node',
        hint: expect.stringContaining('fewer replicas'),
        progress: { passed: 1, estimate },
        pastChanges: [{ stepMs: { capacity: expect.any(Number) } }],
      }),
    );
    await patient[Symbol.asyncDispose]();
    await using _impatient = await beginImpatient();
    await eventually(async () =>
      expect(await lab.status(spec.endpointId)).toMatchObject({
        state: 'active',
        observedRevision: revision,
        live: { revision: live },
        rejection: { revision, reason: 'Unschedulable', message: expect.stringContaining('Insufficient'), hint: fewer },
        replicas: { desired: 2, ready: 2 },
      }),
    );
    await eventually(async () => expect(await podsOf(spec)).toHaveLength(2));
    await isActive(spec, await lab.publish({ ...scaled(spec, 1), version: 3 }));
    expect(await lab.status(spec.endpointId)).toMatchObject({ rejection: null });
    await lab.publish(deleted(spec));
    await isGone(spec);
  });

  it('is an error of the endpoint when nothing was ever live, and recovers when it can', async () => {
    await using _impatient = await beginImpatient();
    lab.answer.proof = () => ({ ok: false, reason: 'the router answered 503' });
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const revision = await lab.publish(spec);
    await eventually(async () =>
      expect(await lab.status(spec.endpointId)).toMatchObject({
        state: 'error',
        live: null,
        rejection: { revision, reason: 'ProofFailed', message: 'the router answered 503' },
      }),
    );
    const startOf = async () => (await lab.pools(spec.endpointId)).map(({ starting }) => starting);
    expect(await startOf()).toEqual([{ phase: 'proof' }]);
    lab.answer.proof = () => ({ ok: true });
    await isActive(spec, revision);
    expect(await startOf()).toEqual([undefined]);
    expect(await lab.status(spec.endpointId)).toMatchObject({ rejection: null });
    await lab.publish(deleted(spec));
    await isGone(spec);
  });
});
