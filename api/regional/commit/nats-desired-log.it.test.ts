import { expect, it } from 'vitest';
import { streams } from '#shared/contract/subjects.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { describeDesiredLog, type LogUnderTest } from '../testing/desired-log.contract.ts';
import { NatsDesiredLog } from './nats-desired-log.ts';

async function startLog(maxBytes: number = streams.desired.maxBytes): Promise<LogUnderTest> {
  await using stack = new AsyncDisposableStack();
  const log = silentLogger();
  const server = stack.use(await startNatsServer());
  const nats = stack.use(await connectNats({ url: server.url, name: 'test', log }));
  await makeTestStreams(nats, [{ ...streams.desired, maxBytes }]);
  const desired = stack.use(new NatsDesiredLog({ nats, clock: systemClock, log, onSeen: () => {} }));
  const all = stack.move();
  return { log: desired, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

describeDesiredLog('NatsDesiredLog', () => startLog());

it('refuses what does not fit any more, says how full it is, and still takes smaller replacements', async () => {
  await using subject = await startLog(200_000);
  const big = 'x'.repeat(15_000);
  const outcomes: string[] = [];
  for (let index = 0; index < 16; index += 1) {
    const write = { subject: `fairway.spec.big-${index}`, body: big, expectedSeq: 0 };
    outcomes.push((await subject.log.write([write], `big-${index}`)).kind);
  }
  expect(new Set(outcomes)).toEqual(new Set(['stored', 'full']));
  expect(outcomes.at(-1)).toBe('full');
  await eventually(() => expect(subject.log.fillRatio()).toBeGreaterThan(0.8));
  const last = await subject.log.last('fairway.spec.big-0');
  const tombstone = { subject: 'fairway.spec.big-0', body: 'gone', expectedSeq: last?.seq ?? 0 };
  expect((await subject.log.write([tombstone], 'small')).kind).toBe('stored');
});
