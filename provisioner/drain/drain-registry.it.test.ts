import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DrainReport } from '#shared/contract/replica.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { KubeError } from '../kube/kube-error.ts';
import { DrainRegistry } from './drain-registry.ts';
import type { PodReader } from './router-pod.ts';

const silentMs = 400;
const replicaId = randomUUID();

let server: Awaited<ReturnType<typeof startNatsServer>>;
let nats: Nats;
const started = endAfterAll();
beforeAll(async () => {
  server = await started.use(startNatsServer());
  nats = await started.use(connectNats({ url: server.url, name: 'drains', log: silentLogger() }));
  await makeTestStreams(nats, [streams.infra]);
});

/** A VPC of its own: routers that report when they are told to, and registries that listen to them. */
function place(kube: PodReader = { get: () => Promise.reject(new Error('not asked')) }) {
  const vpcId = randomUUID();
  const freed: string[] = [];
  const overdue: string[] = [];
  const listen = (): DrainRegistry => {
    const tell = {
      onFreed: (id: string) => void freed.push(id),
      onSilence: () => {},
      onOverdue: () => void overdue.push(vpcId),
    };
    return new DrainRegistry({ nats, kube, clock: systemClock, log: silentLogger(), vpcId, silentMs, ...tell });
  };
  const say = (routerId: string, parts: Partial<DrainReport> = {}): void => {
    const listeners = { public: 'http://a.example', private: 'http://b.example' };
    const report: DrainReport = {
      v: 1,
      routerId,
      vpcId,
      epoch: 1,
      edgeRevision: 5,
      listeners,
      inFlight: {},
      leaving: false,
    };
    nats.nc.publish(subjects.drain(vpcId, routerId), JSON.stringify({ ...report, ...parts }));
  };
  const registered = async (routerId: string): Promise<unknown> => {
    const last = await readLast(nats, streams.infra.name, subjects.router(vpcId, routerId));
    return last?.deleted === true ? undefined : last?.body;
  };
  return { vpcId, freed, overdue, listen, say, registered };
}

const ask = (registry: DrainRegistry, edgeRevision = 5, endpointId = 'e') => {
  const deadline = new Date(systemClock.now() + 600_000).toISOString();
  return registry.gates(endpointId, [{ replicaId, edgeRevision, deadline }]).get(replicaId);
};
/** Both say again and again what is to be known meanwhile: a report is old after `silentMs`. */
const goes = (registry: DrainRegistry, again = (): void => {}) =>
  eventually(() => {
    again();
    expect(ask(registry)).toMatchObject({ go: true });
  });
const waits = (registry: DrainRegistry, reason: string, again = (): void => {}) =>
  eventually(() => {
    again();
    expect(ask(registry)).toEqual({ go: false, reason });
  });

describe('a router', () => {
  it('is registered by its first report, and waited for when it falls silent, also by a provisioner that never heard it', async () => {
    const { listen, say, registered } = place();
    await using registry = listen();
    await goes(registry, () => say('r1'));
    await eventually(async () => expect(await registered('r1')).toMatchObject({ routerId: 'r1', epoch: 1 }));
    await waits(registry, 'router r1 is silent');
    // It stays so: much longer than a router may be silent.
    await using another = listen();
    await waits(another, 'router r1 is silent');
    expect(registry.counts()).toEqual({ registered: 1, silent: 1, doubled: 0 });
    await eventually(() => expect(registry.silence()).toContain('registered: r1'));
    await goes(registry, () => say('r1'));
    await eventually(() => {
      say('r1');
      expect(registry.silence()).toBeNull();
    });
  });

  it('that comes back as a new process takes the place of the one before', async () => {
    const { listen, say, registered } = place();
    await using registry = listen();
    say('r1', { epoch: 1 });
    await eventually(async () => expect(await registered('r1')).toMatchObject({ epoch: 1 }));
    say('r1', { epoch: 2, edgeRevision: 4 });
    await eventually(async () => expect(await registered('r1')).toMatchObject({ epoch: 2 }));
    // A late word of the dead one says nothing about the living one.
    await waits(registry, 'router r1 has not seen the drain yet', () => {
      say('r1', { epoch: 2, edgeRevision: 4 });
      say('r1', { epoch: 1, edgeRevision: 9 });
    });
    await goes(registry, () => say('r1', { epoch: 2 }));
  });

  it('that leaves, or that an operator takes away, is waited for no more', async () => {
    const { vpcId, listen, say, registered } = place();
    await using registry = listen();
    for (const routerId of ['leaves', 'is-taken']) {
      say(routerId, { inFlight: { [replicaId]: 1 } });
      await eventually(async () => expect(await registered(routerId)).toBeDefined());
    }
    await waits(registry, 'router leaves is silent');
    say('leaves', { leaving: true });
    await eventually(async () => expect(await registered('leaves')).toBeUndefined());
    await waits(registry, 'router is-taken is silent');
    const subject = subjects.router(vpcId, 'is-taken');
    await writeDocuments(nats, [{ subject, body: null, deleteMarker: true }], '');
    await goes(registry);
  });

  it.each([
    ['is not found', () => Promise.reject(new KubeError({ status: 404, reason: 'NotFound', message: 'gone' })), true],
    ['is another one', () => Promise.resolve(pod('other', 'Running')), true],
    ['has failed', () => Promise.resolve(pod('uid', 'Failed')), true],
    ['is there', () => Promise.resolve(pod('uid', 'Running')), false],
    [
      'cannot be asked for',
      () => Promise.reject(new KubeError({ status: 0, reason: 'Unreachable', message: 'cut' })),
      false,
    ],
  ])('whose pod %s', async (_, get, gone) => {
    let asked = 0;
    const { listen, say, registered } = place({ get: () => ((asked += 1), get()) });
    await using registry = listen();
    say('r1', { pod: { namespace: 'n', name: 'router', uid: 'uid' } });
    await eventually(async () => expect(await registered('r1')).toBeDefined());
    await eventually(() => expect(asked).toBeGreaterThan(gone ? 0 : 1));
    if (gone) await goes(registry);
    else await waits(registry, 'router r1 is silent');
  });
});

it('takes no report that somebody gives for another router or another VPC', async () => {
  const { vpcId, listen, say, registered } = place();
  await using registry = listen();
  const listeners = { public: 'http://a.example', private: 'http://b.example' };
  const forged = { v: 1, routerId: 'r1', vpcId, epoch: 9, edgeRevision: 9, listeners, inFlight: {}, leaving: true };
  say('r1', { inFlight: { [replicaId]: 1 } });
  await eventually(async () => expect(await registered('r1')).toBeDefined());
  nats.nc.publish(subjects.drain(vpcId, 'r2'), JSON.stringify(forged));
  nats.nc.publish(subjects.drain(vpcId, 'r1'), JSON.stringify({ ...forged, vpcId: randomUUID() }));
  nats.nc.publish(subjects.drain(vpcId, 'r1'), JSON.stringify({ ...forged, routerId: 'r1.*' }));
  await nats.nc.flush();
  say('r3');
  await eventually(async () => expect(await registered('r3')).toBeDefined());
  expect(await registered('r1')).toMatchObject({ epoch: 1 });
  expect(registry.counts().registered).toBe(2);
});

it('tells of two living routers under one id', async () => {
  const { listen, say } = place();
  await using registry = listen();
  await eventually(() => {
    say('r1', { epoch: 2 });
    say('r1', { epoch: 1, inFlight: { [replicaId]: 1 } });
    expect(registry.warnings()).toEqual([expect.stringContaining('router r1: two processes speak as it')]);
  });
  expect(registry.counts()).toMatchObject({ registered: 1, doubled: 1 });
  await eventually(() => expect(registry.warnings()).toEqual([]));
});

it('counts a drain that its deadline ends, once', async () => {
  const { overdue, listen, say } = place();
  await using registry = listen();
  const deadline = new Date(systemClock.now()).toISOString();
  await eventually(() => {
    say('r1', { inFlight: { [replicaId]: 1 } });
    expect(ask(registry)?.reason).toContain('in flight');
  });
  for (const _ of [1, 2])
    expect(registry.gates('e', [{ replicaId, edgeRevision: 5, deadline }]).get(replicaId)?.go).toBe(true);
  expect(overdue).toHaveLength(1);
  registry.gates('e', []);
});

it('wakes the endpoint whose drain a report lets go, and no other', async () => {
  const { freed, listen, say } = place();
  await using registry = listen();
  await eventually(() => {
    say('r1', { inFlight: { [replicaId]: 1 } });
    expect(ask(registry)?.reason).toContain('in flight');
  });
  ask(registry, 5, 'waits');
  ask(registry, 99, 'waits-longer');
  freed.length = 0;
  ask(registry, 99, 'e');
  say('r1');
  await eventually(() => expect(freed).toContain('waits'));
  expect(freed).toEqual(['waits']);
});

function pod(uid: string, phase: string) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'router', uid }, status: { phase } };
}
