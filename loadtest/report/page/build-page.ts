import { aboutSection } from './about-section.ts';
import { contendersOf } from './contender.ts';
import { errorSection } from './error-section.ts';
import { figuresSection } from './figure-tables.ts';
import { latencySections } from './latency-sections.ts';
import type { Page } from './page.ts';
import { replicaSections } from './replica-section.ts';
import type { RunSeen } from './run-seen.ts';
import { timeSections } from './time-sections.ts';

/** Everything that a page says of runs, in its order. `command`: what writes the page. */
export function buildPage(runs: readonly RunSeen[], command: string): Page {
  const contenders = contendersOf(runs);
  const isSimulated = runs.every(({ about }) => about.mode === 'virtual');
  return {
    title: contenders.map(({ label }) => label).join(' beside '),
    lead: [[isSimulated ? 'Simulated load test' : 'Load test', `runs of ${daysOf(runs)}`].join(', ') + '.'],
    sections: [
      aboutSection(contenders),
      figuresSection(contenders),
      ...latencySections(contenders),
      ...timeSections(contenders),
      ...replicaSections(contenders),
      errorSection(contenders),
      { title: 'This page', says: ['Written from the runs above by:'], tables: [], commands: [command] },
    ],
  };
}

function daysOf(runs: readonly RunSeen[]): string {
  return [...new Set(runs.map(({ about }) => about.startedAt.slice(0, 10)))].toSorted().join(', ');
}
