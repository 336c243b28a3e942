import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { KvEvents } from './kv-events.ts';

vi.mock('zeromq', () => {
  throw new Error('no native build was found');
});

it('a router without ZeroMQ says so once, and goes on without events', async () => {
  const clock = createTestClock();
  const replica = replicaAt(1);
  const pool = poolDocument({ replicas: [replica] });
  const lines: string[] = [];
  await using events = new KvEvents({
    pools: () => [{ ...pool, engine: { ...pool.engine, kvEvents: { port: 1 } } }],
    isMine: () => true,
    cleared: () => {},
    counted: () => {},
    clock,
    log: pino({}, { write: (line: string) => void lines.push(line) }),
  });
  await eventually(() => expect(lines).toHaveLength(1));
  await clock.advance(5000);
  expect(lines).toEqual([expect.stringContaining('kv-events.unavailable')]);
  expect(events.newsOf(replica.replicaId)).toBeUndefined();
});
