import { beforeAll, expect, it } from 'vitest';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Ownership } from '../leases/leases.ts';
import { callOutside, type OutsideCall } from './call-outside.ts';

const vpcId = '00000000-0000-4000-8000-0000000000a1';
let server: ChildServer;
let nats: Nats;

const started = endAfterAll();
beforeAll(async () => {
  server = await started.use(startNatsServer());
  nats = await started.use(connectNats({ url: server.url, name: 'outside', log: silentLogger() }));
  await makeTestStreams(nats, [streams.infra]);
});

const rowOf = async (callerKey: string): Promise<unknown> =>
  (await readLast(nats, streams.infra.name, subjects.resource(vpcId, callerKey)))?.body;

/** A provider that notes what it was asked and what the row said at that moment. */
function provider(callerKey: string, ownership: () => Ownership = () => 'mine') {
  const asked: unknown[] = [];
  const what: OutsideCall = {
    callerKey,
    vpcId,
    kind: 'node_pool',
    users: [],
    leaves: 'there',
    async call(key, externalId) {
      asked.push({ key, externalId, row: await rowOf(key) });
      return 'pool-7';
    },
  };
  const guard = { nats, clock: systemClock, ownership, writer: 'tester' };
  const run = (parts: Partial<OutsideCall> = {}) => callOutside(guard, { ...what, ...parts });
  return { asked, run };
}

it('writes what it is about to do, calls, and writes what is there', async () => {
  const { asked, run } = provider('a');
  await run();
  expect(asked).toMatchObject([{ key: 'a', externalId: null, row: { state: 'calling', externalId: null } }]);
  expect(await rowOf('a')).toMatchObject({ state: 'there', externalId: 'pool-7', writer: 'tester' });
  await run({ leaves: 'gone' });
  expect(asked).toMatchObject([{}, { externalId: 'pool-7' }]);
  expect(await rowOf('a')).toMatchObject({ state: 'gone' });
});

it.each([
  ['has no lease', ['other'], undefined],
  ['could not beat', ['unsure'], undefined],
  ['loses the lease while it writes', ['mine', 'other'], { state: 'calling' }],
] as [string, Ownership[], object | undefined][])('does not call when it %s', async (name, answers, row) => {
  const key = `b-${name.length}`;
  const { asked, run } = provider(key, () => answers.shift() ?? 'other');
  await expect(run()).rejects.toThrow("another provisioner's work");
  expect(asked).toEqual([]);
  if (row === undefined) expect(await rowOf(key)).toBeUndefined();
  else expect(await rowOf(key)).toMatchObject(row);
});

it('does not call when somebody else was faster, and calls again after somebody died', async () => {
  const two = [provider('c'), provider('c')];
  const ends = await Promise.allSettled(two.map(({ run }) => run()));
  expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(two.flatMap(({ asked }) => asked)).toHaveLength(1);
  const dying = provider('d');
  await expect(dying.run({ call: () => Promise.reject(new Error('the process died here')) })).rejects.toThrow('died');
  expect(await rowOf('d')).toMatchObject({ state: 'calling' });
  const { asked, run } = provider('d');
  await run();
  expect(asked).toMatchObject([{ key: 'd' }]);
  expect(await rowOf('d')).toMatchObject({ state: 'there' });
});

it('leaves a row alone that it cannot read', async () => {
  const subject = subjects.resource(vpcId, 'e');
  await writeDocuments(nats, [{ subject, body: { v: 2 } }], '');
  const { asked, run } = provider('e');
  await expect(run()).rejects.toThrow();
  expect(asked).toEqual([]);
});
