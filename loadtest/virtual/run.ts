import { parseArgs } from 'node:util';
import { lineOf } from './figures.ts';
import { scenarioSchema, type Scenario } from './scenario.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    engineers: { type: 'string', default: '300' },
    replicas: { type: 'string', default: '8' },
    routers: { type: 'string', default: '1' },
    policy: { type: 'string', default: 'affinity' },
    'session-header': { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '30' },
    warmup: { type: 'string', default: '10' },
    preset: { type: 'string', default: '30b-a3b-h200' },
    'kv-block': { type: 'string', default: '256' },
    faults: { type: 'string', default: '[]' },
    scenario: { type: 'string' },
  },
});

const written: unknown = {
  engineers: Number(values.engineers),
  replicas: Number(values.replicas),
  routers: Number(values.routers),
  policy: values.policy,
  sessionHeader: values['session-header'],
  preset: values.preset,
  kvBlockTokens: Number(values['kv-block']),
  minutes: Number(values.minutes),
  warmUpMinutes: Number(values.warmup),
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
