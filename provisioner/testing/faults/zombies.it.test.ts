import { beforeAll, describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { untilPaused } from '#shared/testing/process-signals.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { deleted, newDeployment, scaled, type ProvisionerLab } from '../provisioner-lab.ts';
import { isDone, onOtherGpus, pictureOf, untilDone } from './operations.ts';
import { startStandInLab } from './stand-in-lab.ts';
import { startVictim, type Victim } from './victim/start-victim.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for paused provisioners');
/** Quick, so that what a zombie makes is found soon. */
const often = { FAIRWAY_RESYNC_MS: '300' };

interface Zombie {
  victim: Victim;
  spec: SpecDocument;
}

function tombstoneOf({ endpointId, team }: SpecDocument): object {
  return { v: 1, kind: 'tombstone', endpointId, team, deletedAt: new Date().toISOString() };
}

/** Real processes that stop themselves (SIGSTOP) right before a call, and go on when another has had their lease for long. */
function describeZombies(start: () => Promise<ProvisionerLab>): void {
  let lab: ProvisionerLab;
  const started = endAfterAll();
  beforeAll(async () => {
    lab = await started.use(start());
  });

  /** Starts a provisioner that stops before this call for an endpoint. */
  const zombieBefore = async (what: string): Promise<Zombie> => {
    const spec = lab.newSpec({ deployments: [newDeployment(1)] });
    const fault = { endpointId: spec.endpointId, what, call: 1, moment: 'before', signal: 'SIGSTOP' } as const;
    return { victim: await startVictim(lab, fault, often), spec };
  };

  /** Wakes it, and lets it work alone until a new endpoint proves that it works as any other; tells how its call ended. */
  const wake = async ({ victim, spec }: Zombie): Promise<string> => {
    victim.wake();
    const [done, refused] = [victim.says('victim.done'), victim.says('victim.refused')];
    const told = await Promise.race([done.then(() => 'done'), refused.then(({ reason }) => String(reason))]);
    const after = { ...spec, ...lab.newSpec({ deployments: [newDeployment(1)] }) };
    await untilDone(lab, after, await lab.publish(after));
    await untilDone(lab, deleted(after), await lab.publish(deleted(after)));
    return told;
  };

  it.each([
    { what: 'apply Deployment', told: 'may not go back' },
    { what: 'write pool', told: 'wrong last sequence' },
  ])('cannot take a newer spec back: $what', async ({ what, told }) => {
    const zombie = await zombieBefore(what);
    await using victim = zombie.victim;
    await lab.publish(zombie.spec);
    await untilPaused(victim.pid);
    const newer = scaled(zombie.spec, 2);
    let revision: number;
    let before: string;
    {
      await using _other = await lab.start(often);
      revision = await lab.publish(newer);
      await untilDone(lab, newer, revision);
      before = await pictureOf(lab, newer);
    }
    expect(await wake(zombie)).toContain(told);
    await isDone(lab, newer, revision);
    expect(await pictureOf(lab, newer)).toBe(before);
  });

  it('cannot take away what a newer spec has made again', async () => {
    const zombie = await zombieBefore('delete Deployment');
    await using victim = zombie.victim;
    const { spec } = zombie;
    await untilDone(lab, spec, await lab.publish(spec));
    const other = onOtherGpus(spec);
    const older = await lab.publish(other);
    await untilPaused(victim.pid);
    // Back to what it was: a Deployment of the same name as the one that the zombie has in its hands.
    const newer = { ...spec, version: 3 };
    let revision: number;
    {
      await using _other = await lab.start(often);
      await untilDone(lab, other, older);
      revision = await lab.publish(newer);
      await untilDone(lab, newer, revision);
    }
    const deployments = async (): Promise<string[]> =>
      (await lab.objects(spec.endpointId))
        .filter(({ kind }) => kind === 'Deployment')
        .map(({ metadata: { name, uid } }) => `${name} ${uid}`);
    const before = await deployments();
    expect(before).toHaveLength(1);
    expect(await wake(zombie)).toMatch(/409|precondition|Conflict/i);
    await isDone(lab, newer, revision);
    expect(await deployments()).toEqual(before);
  });

  it('brings back an endpoint that was deleted, and its tombstone sweeps it', async () => {
    const zombie = await zombieBefore('apply DedicatedInference');
    await using victim = zombie.victim;
    const { spec } = zombie;
    const { endpointId } = spec;
    await lab.publish(spec);
    await untilPaused(victim.pid);
    {
      await using _other = await lab.start(often);
      await untilDone(lab, deleted(spec), await lab.publish(deleted(spec)));
      await lab.publishRaw(endpointId, tombstoneOf(spec));
    }
    expect(await wake(zombie)).toBe('done');
    await eventually(async () => expect(await lab.leftovers(endpointId)).toEqual([]));
    expect(await lab.pools(endpointId)).toEqual([]);
  });
}

describe('a provisioner that is stopped past its lease, on the embedded cluster', () => {
  describeZombies(() => startStandInLab({ nodes: 4 }));
});

describe('a provisioner that is stopped past its lease, on a real API server', unless, () => {
  describeZombies(() => startStandInLab({ nodes: 4, binaries }));
});
