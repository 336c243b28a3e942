import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import { startTestStack } from '#loadtest/e2e/test-stack.ts';
import { writeReport } from '#loadtest/stack/stack.ts';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { playOnSockets } from './play-on-sockets.ts';

const started = endAfterEach();

it('a whole Fairway is the fleet of a scenario: its replica dies, its router stands still, and answers go on', async () => {
  const json = join(await started.folder('fairway-stack-'), 'stack.json');
  const stack = await started.use(startTestStack({ json, routers: 2, timeScale: 0.2 }));
  const { dedicated_inference: endpoint, token } = await stack.create('lab', 2);
  await stack.untilActive(endpoint.id, 2);
  await writeReport(stack.stack, { endpointId: endpoint.id, token: token.value ?? '', model: stack.model });
  const small = { engineers: 20, replicas: 2, routers: 2, minutes: 3, warmUpMinutes: 0 };
  const larger = scenarioSchema.parse({ ...small, replicas: 3 });
  await expect(playOnSockets(larger, { stack: json })).rejects.toThrow(
    /2 replicas and 2 routers, the scenario 3 and 2/,
  );

  const records: RequestRecord[] = [];
  const watcher = { request: (record: RequestRecord) => void records.push(record), sample: () => {} };
  const scenario = scenarioSchema.parse({
    ...small,
    faults: [
      { kind: 'slow', at: 10, replicas: 1, factor: 2 },
      { kind: 'kill-replica', at: 60, index: 1, seconds: 10 },
      { kind: 'pause-router', at: 100, index: 1, seconds: 2 },
    ],
  });
  const played = await playOnSockets(scenario, { timeScale: 0.2, stack: json, watcher });
  const doneAfter = (second: number): number =>
    records.filter(({ outcome, askedAt }) => outcome === 'done' && askedAt > 1000 * second).length;
  expect([doneAfter(60) > doneAfter(100), doneAfter(100) > 0]).toEqual([true, true]);
  expect(played?.figures.hits).toBeGreaterThan(0.3);
  expect(played?.figures.target?.processes).toBe(2);
  expect((await stack.replicas(endpoint.id)).length).toBeGreaterThan(0);
});
