/**
 * Run: node provisioner/testing/rollouts/rollouts.bench.ts [scenarios] [first seed]
 * Changes of endpoints on clusters that are nearly full: how each ended. Ends with 1 when any was stuck or went wrong.
 */
import { runScenario } from './rollout-scenario.ts';

const [scenarios = 1000, first = 1] = process.argv.slice(2).map(Number);
const from = performance.now();
const ends = Array.from({ length: scenarios }, (_, index) => runScenario(first + index));
const count = (is: (end: (typeof ends)[number]) => boolean): number => ends.filter(is).length;
const report = {
  scenarios,
  seeds: `${first}–${first + scenarios - 1}`,
  new: count(({ end }) => end === 'new'),
  refused: count(({ end }) => end === 'refused'),
  returned: count(({ end }) => end === 'returned'),
  stuck: count(({ end }) => end === 'stuck'),
  short: count(({ short }) => short),
  oneByOne: count(({ exchanged }) => exchanged),
  held: count(({ held }) => held),
  looks: ends.reduce((sum, { looks }) => sum + looks, 0),
  seconds: Math.round((performance.now() - from) / 1000),
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
const wrong = ends.filter(({ end, problems }) => end === 'stuck' || problems.length > 0);
for (const { seed, end, problems } of wrong.slice(0, 20))
  process.stdout.write(`seed ${seed}: ${end}: ${[...new Set(problems)].slice(0, 3).join('; ')}\n`);
if (wrong.length > 0) process.exitCode = 1;
