import { expect, it } from 'vitest';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import { scenarioSchema, type ScenarioText } from './scenario.ts';
import { simulate } from './simulate.ts';

/** What was asked in a run of three minutes, by client. */
async function askedBy(scenario: ScenarioText): Promise<Map<string, RequestRecord[]>> {
  const records: RequestRecord[] = [];
  const watcher = { request: (record: RequestRecord) => void records.push(record), sample: () => {} };
  await simulate(scenarioSchema.parse({ replicas: 2, minutes: 3, warmUpMinutes: 1, ...scenario }), watcher);
  return Map.groupBy(records, ({ client }) => client);
}

// Simulations compute for seconds; on a busy machine that takes longer.
it('stages are asked when they are due, however long answers take, and find the prefix of their group', async () => {
  const stages = [
    { rate: 1, seconds: 60, arrivals: 'constant' as const },
    { rate: 4, seconds: 30, arrivals: 'constant' as const },
  ];
  const prompts = { groups: 1, promptsPerGroup: 200, sharedTokens: 5120, questionTokens: 512, outputTokens: 100 };
  const asked = await askedBy({ workload: { kind: 'stages', stages, prompts } });
  const times = [...asked.values()].flat().map(({ askedAt }) => askedAt);
  const due = [...Array(60).keys()].map((index) => 1000 * (index + 1));
  due.push(...[...Array(120).keys()].map((index) => 60_000 + 250 * (index + 1)));
  expect(times.toSorted((a, b) => a - b)).toEqual(due);
  expect([...asked].map(([client, records]) => [client, records.length])).toEqual([
    ['stage-1', 60],
    ['stage-2', 120],
  ]);
  // Those that come first to each replica, and what comes before they are computed.
  const cold = [...asked.values()].flat().filter(({ cachedTokens = 0 }) => cachedTokens < 5120);
  expect(cold.length).toBeLessThanOrEqual(4);
}, 120_000);

it('a herd asks at once, in one repository, and a flood comes on top', async () => {
  const asked = await askedBy({
    engineers: 30,
    workload: { kind: 'engineers', dayFrom: '11:00', herds: [{ at: 60, engineers: 20, seconds: 5 }] },
    faults: [{ kind: 'flood', at: 120, clients: 2 }],
  });
  const firsts = Array.from({ length: 20 }, (_, index) => asked.get(`engineer-${29 - index}`)?.[0]?.askedAt ?? 0);
  expect([Math.min(...firsts) >= 60_000, Math.max(...firsts) <= 65_000]).toEqual([true, true]);
  expect(Math.min(...(asked.get('flood') ?? []).map(({ askedAt }) => askedAt))).toBe(120_000);
}, 120_000);
