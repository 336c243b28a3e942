import { parseArgs } from 'node:util';
import { lineOf } from './figures.ts';
import { scenarioSchema, type Scenario } from './scenario.ts';
import { scenarioOptions, writtenScenario } from './scenario-options.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    ...scenarioOptions,
    seeds: { type: 'string', default: '1' },
    'kv-block': { type: 'string', default: '256' },
    faults: { type: 'string', default: '[]' },
    scenario: { type: 'string' },
  },
});

const written: unknown = {
  ...writtenScenario(values),
  kvBlockTokens: Number(values['kv-block']),
  faults: JSON.parse(values.faults),
};

if (values.scenario === undefined) await show(scenarioSchema.parse(written));
else console.log(JSON.stringify(await simulate(scenarioSchema.parse(JSON.parse(values.scenario)))));

async function show(scenario: Scenario): Promise<void> {
  console.log(
    `${scenario.engineers} engineers, ${scenario.replicas} × ${scenario.preset.name} (KV blocks of ${scenario.preset.blockTokens}), ${scenario.routers} routers, ${scenario.policy}, ${scenario.minutes} min`,
  );
  for (const seed of values.seeds.split(',').map(Number)) {
    const began = performance.now();
    const figures = await simulate({ ...scenario, seed });
    console.log(`seed ${seed}: ${lineOf(figures)} · ${((performance.now() - began) / 1000).toFixed(1)} s wall`);
  }
}
