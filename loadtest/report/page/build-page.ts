import type { ReplicasNeeded } from '#loadtest/report/replicas-needed/needed-file.ts';
import { aboutSection } from './about-section.ts';
import { contendersOf } from './seen/contender.ts';
import { costSection } from './cost-section.ts';
import { errorSection } from './error-section.ts';
import { figuresSection } from './figure-tables.ts';
import type { GpuPrice } from './gpu-price.ts';
import { latencySections } from './latency-sections.ts';
import { neededSection } from './needed-section.ts';
import type { Page } from './page.ts';
import { replicaSections } from './replica-section.ts';
import type { RunSeen } from './seen/run-seen.ts';
import { timeSections } from './time-sections.ts';

/** What a page says beside its runs. */
export interface Beside {
  /** What writes the page. */
  readonly command: string;
  /** Of a replica's GPUs, in place of what is known of them. */
  readonly gpuPrice?: GpuPrice;
  readonly needed?: ReplicasNeeded;
}

/** Everything that a page says of runs, in its order. */
export function buildPage(runs: readonly RunSeen[], { command, gpuPrice, needed }: Beside): Page {
  const contenders = contendersOf(runs);
  const isSimulated = runs.every(({ about }) => about.mode === 'virtual');
  return {
    title: contenders.map(({ label }) => label).join(' beside '),
    lead: [[isSimulated ? 'Simulated load test' : 'Load test', `runs of ${daysOf(runs)}`].join(', ') + '.'],
    sections: [
      aboutSection(contenders),
      costSection(contenders, gpuPrice),
      ...(needed === undefined ? [] : [neededSection(needed)]),
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
