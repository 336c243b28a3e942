import { parseArgs } from 'node:util';
import { routingSchema } from '#shared/contract/desired.ts';
import { presetNames, presets } from '#loadtest/sim/engine/presets.ts';
import { lineOf } from './figures.ts';
import { simulate, type Scenario } from './simulate.ts';

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
  },
});

const presetName = presetNames.find((name) => name === values.preset);
if (presetName === undefined) throw new Error(`--preset ${values.preset}: one of ${presetNames.join(', ')}`);
const preset = { ...presets[presetName], blockTokens: Number(values['kv-block']) };
const { policy } = routingSchema.parse({ policy: values.policy });
const scenario: Omit<Scenario, 'seed'> = {
  engineers: Number(values.engineers),
  replicas: Number(values.replicas),
  routers: Number(values.routers),
  policy,
  sessionHeader: values['session-header'],
  preset,
  minutes: Number(values.minutes),
  warmUpMinutes: Number(values.warmup),
};

console.log(
  `${scenario.engineers} engineers, ${scenario.replicas} × ${preset.name} (KV blocks of ${preset.blockTokens}), ${scenario.routers} routers, ${policy}, ${scenario.minutes} min`,
);
for (const seed of values.seeds.split(',').map(Number)) {
  const began = performance.now();
  const figures = await simulate({ ...scenario, seed });
  console.log(`seed ${seed}: ${lineOf(figures)} · ${((performance.now() - began) / 1000).toFixed(1)} s wall`);
}
