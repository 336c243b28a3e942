import { expect, it } from 'vitest';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { consumerName, startSpecConsumer } from '../desired/consumer.ts';
import type { SpecMessage } from '../desired/desired-map.ts';

it('delivers the newest of each endpoint, and goes on after its consumer was deleted and its server killed', async () => {
  await using server = await startNatsServer();
  const log = silentLogger();
  await using nats = await connectNats({ url: server.url, name: 'consumer', log });
  await makeTestStreams(nats, [streams.desired]);
  const publish = async (endpointId: string, body: string): Promise<void> => {
    const outcome = await writeDocuments(nats, [{ subject: subjects.spec(endpointId), body }], '');
    expect(outcome.kind).toBe('stored');
  };
  await publish('a', 'one');
  await publish('a', 'two');
  const taken: SpecMessage[] = [];
  const take = (message: SpecMessage): void => void taken.push(message);
  const heard = (endpointId: string, text: string): Promise<void> =>
    eventually(
      () => expect(taken).toContainEqual(expect.objectContaining({ endpointId, text: JSON.stringify(text) })),
      {
        timeoutMs: 30_000,
      },
    );
  await using _consumer = startSpecConsumer({ nats, clock: systemClock, log, instanceId: 'test.1', take });
  await heard('a', 'two');
  expect(taken.map(({ revision }) => revision)).toEqual([2]);

  await nats.jsm.consumers.delete(streams.desired.name, consumerName('test.1'));
  await publish('b', 'three');
  await heard('b', 'three');

  await eventually(async () => {
    const info = await nats.jsm.consumers.info(streams.desired.name, consumerName('test.1'));
    expect(info.num_ack_pending + info.num_pending).toBe(0);
  });

  await server.restart();
  await eventually(() => publish('c', 'four'));
  await heard('c', 'four');
});
