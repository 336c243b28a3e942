/**
 * Run: node setup.mjs loadtest/scenarios/sockets.ts --engineers 200 --replicas 8 --routers 1 --policy affinity --seed 1
 *   --minutes 12 --warmup 4 [--session-header] [--preset NAME] [--beside-virtual]
 * A scenario of `loadtest/virtual` with real processes and sockets, and the same in virtual time beside it.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { lineOf, type Figures } from '#loadtest/virtual/figures.ts';
import { scenarioSchema } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { gapOf } from './gap.ts';
import { playOnSockets, type Played } from './play-on-sockets.ts';

const { values } = parseArgs({
  options: {
    engineers: { type: 'string', default: '200' },
    replicas: { type: 'string', default: '8' },
    routers: { type: 'string', default: '1' },
    policy: { type: 'string', default: 'affinity' },
    'session-header': { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '12' },
    warmup: { type: 'string', default: '4' },
    preset: { type: 'string', default: '30b-a3b-h200' },
    'beside-virtual': { type: 'boolean', default: false },
  },
});

const scenario = scenarioSchema.parse({
  seed: Number(values.seed),
  engineers: Number(values.engineers),
  replicas: Number(values.replicas),
  routers: Number(values.routers),
  policy: values.policy,
  sessionHeader: values['session-header'],
  preset: values.preset,
  kvBlockTokens: 16,
  minutes: Number(values.minutes),
  warmUpMinutes: Number(values.warmup),
});

/** Timers later than this, at the 99th percentile, are the machine's doing and show in first tokens, milliseconds. */
const lateMsMax = 5;

const { engineers, replicas, routers, preset, minutes, seed } = scenario;
console.log(
  `${engineers} engineers, ${replicas} × ${preset.name}, ${routers} routers, ${scenario.policy}, ${minutes} min, seed ${seed}`,
);
const virtual = values['beside-virtual'] ? await simulate(scenario) : undefined;
if (virtual !== undefined) console.log(`virtual: ${lineOf(virtual)}`);
const played = await playOnSockets(scenario);
console.log(`sockets: ${lineOf(played.figures)}`);
console.log(strainLine(played));
if (virtual !== undefined) console.log(gapLine(virtual, played.figures));

function strainLine({ figures, strain: { client, routers, replicas } }: Played): string {
  const requests = figures.requestsPerSecond * (scenario.minutes - scenario.warmUpMinutes) * 60;
  const cpuSeconds = routers.reduce((sum, one) => sum + one.cpuSeconds, 0);
  const late = (all: readonly { lateMs: number }[]): number => Math.max(...all.map(({ lateMs }) => lateMs));
  const lates = { client: client.lateMs, routers: late(routers), replicas: late(replicas) };
  const keptUp = Math.max(...Object.values(lates)) <= lateMsMax;
  return [
    `routers: ${((1000 * cpuSeconds) / requests).toFixed(1)} CPU s per 1,000 requests`,
    `event loops late, p99: ${Object.entries(lates)
      .map(([who, ms]) => `${who} ${ms.toFixed(1)} ms`)
      .join(', ')}`,
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
