import { seedOf, type Contender } from './seen/contender.ts';
import { numeral } from './numerals.ts';
import type { Section, Table } from './page.ts';
import type { RunSeen } from './seen/run-seen.ts';

/** Seeds that nobody tunes with, and those that everybody may. */
const seedsOf = { tuning: [1, 20], reporting: [101, 112] } as const;

/** What was run, and how to run it again. */
export function aboutSection(contenders: readonly Contender[]): Section {
  const runs = contenders.flatMap((one) => one.runs);
  return {
    title: 'What was run',
    says: [
      modesSentence(runs),
      `Seeds ${seedsOf.tuning.join('–')} are for tuning and seeds ${seedsOf.reporting.join('–')} for reporting: no figure of one is chosen by looking at the other. This page shows seeds ${[...new Set(runs.map(seedOf))].join(', ')}.`,
      ...runs.flatMap(({ about, figures: { doubts = [] } }) =>
        doubts.map((doubt) => `Doubtful: ${about.name}: ${doubt}`),
      ),
      ...runs.filter(({ brokenOff }) => brokenOff).map(brokenOffSentence),
      ...runs
        .filter(({ flooded }) => flooded > 0)
        .map(({ about, flooded }) => `${about.name}: ${numeral(flooded)} tries of a flood are left out everywhere.`),
    ],
    tables: [comparedTable(contenders)],
    commands: [...new Set(runs.flatMap(({ about }) => about.command ?? []))],
  };
}

function modesSentence(runs: readonly RunSeen[]): string {
  const modes = new Set(runs.map(({ about }) => about.mode));
  const virtual = 'the router’s own code in virtual time; engineers, network, engines and GPUs are simulated';
  const sockets = 'processes and HTTP; engines are what the row “replicas” says';
  if (modes.size === 2)
    return `Simulated in part: runs in virtual time are ${virtual}. Runs on sockets are ${sockets}.`;
  return modes.has('virtual') ? `Simulated: ${virtual}.` : `On sockets: ${sockets}.`;
}

function brokenOffSentence({ about, until }: RunSeen): string {
  const { minutes } = about.scenario;
  return `Broken off: ${about.name} ended at minute ${numeral(until / 60_000)} of ${numeral(minutes)}. What follows is what it had come to.`;
}

function comparedTable(contenders: readonly Contender[]): Table {
  const row = (name: string, text: (about: RunSeen['about'], one: Contender) => string): string[] => [
    name,
    ...contenders.map((one) => text(one.runs[0].about, one)),
  ];
  const preset = ({ scenario }: RunSeen['about']): { name?: string; imitates?: string } =>
    typeof scenario['preset'] === 'object' ? { ...scenario['preset'] } : {};
  return {
    caption: 'Runs',
    head: ['', ...contenders.map(({ label }) => label)],
    rows: [
      row('simulated?', ({ mode }) => (mode === 'virtual' ? 'yes: virtual time' : 'real sockets')),
      row('policy', ({ scenario }) => scenario.policy ?? 'unknown'),
      row('routers', ({ scenario }) => `${scenario.routers ?? 'unknown'}`),
      row('replicas', (about) =>
        [about.scenario.replicas ?? 'unknown', preset(about).name ?? ''].join(' × ').replace(/ × $/, ''),
      ),
      row('imitates', (about) => preset(about).imitates ?? '–'),
      row('engineers', ({ scenario }) => `${scenario['engineers'] ?? '–'}`),
      row('what is asked', ({ scenario }) =>
        scenario['workload'] === undefined ? '–' : JSON.stringify(scenario['workload']),
      ),
      row('faults', ({ scenario }) => (isEmpty(scenario['faults']) ? 'none' : JSON.stringify(scenario['faults']))),
      row('minutes', ({ scenario }) => `${scenario.minutes}, of which ${scenario.warmUpMinutes} are warm-up`),
      row('seeds', (_, { runs }) => runs.map(seedOf).join(', ')),
      row('state', (_, { runs }) => (runs.some(({ brokenOff }) => brokenOff) ? 'broken off' : 'whole')),
      row('commit', ({ commit }) => commit),
      row('started', ({ startedAt }) => startedAt),
    ],
  };
}

function isEmpty(faults: unknown): boolean {
  return faults === undefined || (Array.isArray(faults) && faults.length === 0);
}
