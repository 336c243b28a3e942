import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { aboutRun, shellLine } from '#loadtest/record/about-run.ts';
import { lineOf, type Figures } from '#loadtest/record/figures.ts';
import { RunFolder } from '#loadtest/record/run-folder.ts';
import { readWorkload, workloadName } from '#loadtest/workload/workload.ts';
import { scenarioSchema, type Scenario } from './scenario.ts';
import { scenarioOptions, writtenScenario } from './scenario-options.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    ...scenarioOptions,
    seeds: { type: 'string', default: '1' },
    'kv-block': { type: 'string', default: '256' },
    'kv-tokens': { type: 'string' },
    workload: { type: 'string', default: '{"kind":"engineers"}' },
    faults: { type: 'string', default: '[]' },
    scenario: { type: 'string' },
    keep: { type: 'string' },
  },
});

try {
  if (values.scenario === undefined) await show(scenarioSchema.parse(written()));
  else console.log(JSON.stringify(await simulate(scenarioSchema.parse(JSON.parse(values.scenario)))));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

function written(): object {
  const { workload, faults, 'kv-block': kvBlock, 'kv-tokens': kvTokens } = values;
  return {
    ...writtenScenario(values),
    workload: readWorkload(workload),
    kvBlockTokens: Number(kvBlock),
    kvTokens: kvTokens === undefined ? undefined : Number(kvTokens),
    faults: JSON.parse(faults),
  };
}

async function show(scenario: Scenario): Promise<void> {
  console.log(
    `${workloadName(scenario)}, ${scenario.replicas} × ${scenario.preset.name} (KV blocks of ${scenario.preset.blockTokens}), ${scenario.routers} routers, ${scenario.policy}, ${scenario.minutes} min`,
  );
  for (const seed of values.seeds.split(',').map(Number)) {
    const began = performance.now();
    const figures = await run({ ...scenario, seed });
    console.log(`seed ${seed}: ${lineOf(figures)} · ${((performance.now() - began) / 1000).toFixed(1)} s wall`);
  }
}

/** Keeps the run where that is asked for. */
async function run(scenario: Scenario): Promise<Figures> {
  if (values.keep === undefined) return simulate(scenario);
  const { seed, policy, routers } = scenario;
  const name = `${policy}, ${routers} router${routers === 1 ? '' : 's'}, ${workloadName(scenario)}, seed ${seed}`;
  const folder = join(values.keep, name.replaceAll(/[^\w.]+/g, '-'));
  const about = await aboutRun({ name, mode: 'virtual', scenario, command: shellLine(process.argv) });
  await using kept = await RunFolder.create(folder, about);
  const figures = await simulate(scenario, kept);
  await kept.ended(figures);
  return figures;
}
