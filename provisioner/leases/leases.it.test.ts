import { beforeAll, expect, it } from 'vitest';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startLeases, type Leases } from './leases.ts';

const log = silentLogger();
let server: ChildServer;
let nats: Nats;

const started = endAfterAll();
beforeAll(async () => {
  server = await started.use(startNatsServer());
  nats = await started.use(connectNats({ url: server.url, name: 'leases', log }));
  await makeTestStreams(nats, [streams.leases]);
});

const member = (instanceId: string, own: Nats, vpcId = 'vpc-1'): Promise<Leases> =>
  startLeases({ nats: own, clock: systemClock, log, vpcId, instanceId, shards: 16, leaseMs: 600, onChange: () => {} });

it('shares the work of each VPC among those who serve it', async () => {
  await using a = await member('a', nats, 'vpc-2');
  await using b = await member('b', nats, 'vpc-3');
  for (const leases of [a, b]) await eventually(() => expect(leases.ownedShards()).toHaveLength(16));
});

it('shares shards between members, hands over on leave and takes over from the dead', async () => {
  const a = await member('a', nats);
  await eventually(() => expect(a.ownedShards()).toHaveLength(16));
  const b = await member('b', nats);
  await eventually(() => {
    expect(a.ownedShards().length).toBeGreaterThan(0);
    expect(b.ownedShards().length).toBeGreaterThan(0);
    expect(a.ownedShards().length + b.ownedShards().length).toBe(16);
  });
  await b[Symbol.asyncDispose]();
  await eventually(() => expect(a.ownedShards()).toHaveLength(16));

  const dying = await connectNats({ url: server.url, name: 'dying', log });
  const c = await member('c', dying);
  await eventually(() => expect(c.ownedShards().length).toBeGreaterThan(0));
  // A connection that closes is what its peers see of a killed process: no beat, no release.
  await dying.nc.close();
  await eventually(() => expect(a.ownedShards()).toHaveLength(16));
  await eventually(() => expect(c.ownedShards()).toEqual([]));
  await eventually(() => expect([a.ownership('endpoint:x'), c.ownership('endpoint:x')]).toEqual(['mine', 'unsure']));
  await a[Symbol.asyncDispose]();
});
