/**
 * Run: node setup.mjs loadtest/scenarios/sockets.ts --engineers 200 --replicas 8 --routers 1 --policy affinity --seed 1
 *   --minutes 12 --warmup 4 [--session-header] [--preset NAME] [--beside-virtual]
 * A scenario of `loadtest/virtual` with real processes and sockets, and the same in virtual time beside it.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { lineOf, type Figures } from '#loadtest/record/figures.ts';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { scenarioOptions, writtenScenario } from '#loadtest/virtual/scenario-options.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { gapOf } from './gap.ts';
import { playOnSockets, type Played } from './play-on-sockets.ts';
import { lateMsMax, type Strain } from '#loadtest/workload/generator/strain.ts';

const { values } = parseArgs({
  options: {
    ...scenarioOptions,
    engineers: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '12' },
    warmup: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    'beside-virtual': { type: 'boolean', default: false },
  },
});

const scenario = scenarioSchema.parse({
  ...writtenScenario(values),
  seed: Number(values.seed),
  kvBlockTokens: 16,
});

const { engineers, replicas, routers, preset, minutes, seed } = scenario;
console.log(
  `${engineers} engineers, ${replicas} × ${preset.name}, ${routers} routers, ${scenario.policy}, ${minutes} min, seed ${seed}`,
);
const virtual = values['beside-virtual'] ? await simulate(scenario) : undefined;
if (virtual !== undefined) console.log(`virtual: ${lineOf(virtual)}`);
const played = await playOnSockets(scenario);
if (played === undefined) throw new Error('it was ended in its warm-up');
console.log(`sockets: ${lineOf(played.figures)}`);
console.log(strainLine(played));
if (virtual !== undefined) console.log(gapLine(virtual, played.figures));

function strainLine({ figures, strain: { client, routers, replicas } }: Played): string {
  const requests = figures.requestsPerSecond * (scenario.minutes - scenario.warmUpMinutes) * 60;
  const strains: Readonly<Record<string, readonly Strain[]>> = { routers, replicas, client: [client] };
  const parts = Object.entries(strains).map(([who, all]) => ({
    who,
    cpuSeconds: (1000 * all.reduce((sum, one) => sum + one.cpuSeconds, 0)) / requests,
    lateMs: Math.max(...all.map(({ lateMs }) => lateMs)),
  }));
  const keptUp = parts.every(({ lateMs }) => lateMs <= lateMsMax);
  return [
    `CPU s per 1,000 requests: ${parts.map(({ who, cpuSeconds }) => `${who} ${cpuSeconds.toFixed(1)}`).join(', ')}`,
    `event loops late, p99 in ms: ${parts.map(({ who, lateMs }) => `${who} ${lateMs.toFixed(1)}`).join(', ')}`,
    `load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
    ...(keptUp ? [] : [`not valid: the machine did not keep up (≤ ${lateMsMax} ms)`]),
  ].join(' · ');
}

function gapLine(expected: Figures, seen: Figures): string {
  const { hitPoints, p50, p95, agrees } = gapOf(expected, seen);
  const percent = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)} %`;
  const points = `${hitPoints > 0 ? '+' : ''}${hitPoints.toFixed(2)} points`;
  return `gap: hits ${points} · TTFT p50 ${percent(p50)}, p95 ${percent(p95)} · ${agrees ? 'they agree' : 'they do not agree'}`;
}
