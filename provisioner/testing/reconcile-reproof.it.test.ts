import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { deleted, newDeployment, startProvisionerLab, type ProvisionerLab } from './provisioner-lab.ts';

describe('an active endpoint', () => {
  let lab: ProvisionerLab;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(startProvisionerLab());
    await started.use(
      lab.start({
        FAIRWAY_REPROVE_MS: '300',
        FAIRWAY_REPROVE_FAILURES: '3',
        FAIRWAY_LOST_AFTER_MS: '500',
      }),
    );
  });

  const lastStatus = async (): Promise<number> => (await lab.nats.jsm.streams.info('STATUS')).state.last_seq;
  /** Waits until the endpoint has been asked `rounds` more times through each of its two listeners. */
  const askedAgain = async (endpointId: string, rounds: number): Promise<void> => {
    const from = lab.asked.length;
    await eventually(() => {
      const asked = lab.asked.slice(from).filter((proof) => proof.endpointId === endpointId);
      expect(asked.every(({ replicaId }) => replicaId === null)).toBe(true);
      for (const kind of ['public', 'private'])
        expect(asked.filter(({ host }) => host.includes(`-${kind}-`)).length).toBeGreaterThanOrEqual(rounds);
    });
  };

  it('is proven again in silence, lost when it no longer answers, and active once it does', async () => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const { endpointId } = spec;
    const revision = await lab.create(spec);
    const active = await lab.status(endpointId);
    const before = await lastStatus();
    await askedAgain(endpointId, 3);
    let failures = 0;
    lab.answer.proof = () => ((failures += 1) > 2 ? { ok: true } : { ok: false, reason: 'one bad moment' });
    await askedAgain(endpointId, 3);
    expect(failures).toBeGreaterThan(2);
    expect(await lastStatus()).toBe(before);

    lab.answer.proof = ({ host }) =>
      host.includes('-public-') ? { ok: false, reason: 'the router answered 502' } : { ok: true };
    const conditions = expect.arrayContaining([
      expect.objectContaining({
        type: 'Reachable',
        status: 'False',
        reason: 'ProofFailed',
        message: 'the router answered 502',
      }),
    ]);
    const lifecycleSeq = (active?.lifecycleSeq ?? 0) + 1;
    const lost = { state: 'updating', lifecycleSeq, live: { revision }, rejection: null, conditions };
    await eventually(async () => expect(await lab.status(endpointId)).toMatchObject(lost));
    const told = await lastStatus();
    const from = lab.asked.length;
    await eventually(() => expect(lab.asked.length).toBeGreaterThan(from + 2));
    expect(await lastStatus()).toBe(told);

    lab.answer.proof = () => ({ ok: true });
    await lab.isActive(endpointId, revision);
    expect(await lab.status(endpointId)).toMatchObject({ lifecycleSeq: lifecycleSeq + 1, replicas: { ready: 1 } });
    await lab.publish(deleted(spec));
    await lab.isGone(endpointId);
  });
});
