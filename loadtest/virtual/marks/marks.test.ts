import { expect, it } from 'vitest';
import { scenarioSchema } from '../scenario.ts';
import { simulate } from '../simulate.ts';
import { mean } from './mean.ts';

/** A sample of the marks; all of them take minutes (`marks.ts`). */
const isWhole = process.env['FAIRWAY_TEST_ALL'] !== undefined;
const size = isWhole
  ? { engineers: 200, replicas: 8, minutes: 20, warmUpMinutes: 8 }
  : { engineers: 40, replicas: 2, minutes: 5, warmUpMinutes: 2 };
const seeds = isWhole ? [1, 2, 3] : [1];

it('four routers that share what they know lose little beside one, and four that do not lose far more', async () => {
  const hits = async (routers: number, policy: 'affinity' | 'aibrix'): Promise<number> => {
    const all = seeds.map((seed) => simulate(scenarioSchema.parse({ ...size, seed, routers, policy })));
    return 100 * mean((await Promise.all(all)).map((figures) => figures.hits));
  };
  const [one, four, alone] = [await hits(1, 'affinity'), await hits(4, 'affinity'), await hits(4, 'aibrix')];
  expect(one - four).toBeLessThan(isWhole ? 1 : 2);
  expect(four - alone).toBeGreaterThan(2);
}, 120_000);
