import { mean } from '#loadtest/virtual/marks/mean.ts';
import type { ReplicasNeeded } from '#loadtest/report/replicas-needed/needed-file.ts';
import { drawLines } from './draw.ts';
import { numeral, percent, spreadText } from './numerals.ts';
import type { Section } from './page.ts';

type Contender = ReplicasNeeded['contenders'][number];

/** How many replicas each needs for the same load. */
export function neededSection(found: ReplicasNeeded): Section {
  const { load, share, seeds, preset, commit, contenders, command } = found;
  const title = 'Replicas needed';
  const bySize = contenders.map(({ tried }) => tried.toSorted((one, other) => one.replicas - other.replicas));
  return {
    title,
    says: [
      `Simulated: ${answers(contenders)} so that ${percent(share)} of first tokens come within 2 s. The load is ${load}, on ${preset}.`,
      `By bisection over the number of replicas, with the same seeds (${seeds.join(', ')}) for every size and every router: the mean of their shares must reach the goal. Commit ${commit}.`,
    ],
    plot: {
      name: 'replicas-needed',
      svg: drawLines(
        bySize.map((tried, series) => ({
          series,
          points: tried.map(({ replicas, soon }) => [replicas, 100 * mean(soon)] as const),
        })),
        {
          x: { label: 'size of the fleet (replicas)', nice: true },
          y: { label: 'first tokens within 2 s (% of answers)', domain: [0, 100] },
          horizontals: [100 * share],
          legend: contenders.map(({ label }) => label),
          label: `${title}: share of first tokens within 2 s by replicas`,
        },
      ),
    },
    tables: [
      {
        caption: 'First tokens within 2 s, by replicas that were tried',
        head: ['run', 'needed', 'replicas: share within 2 s (least–most of the seeds)'],
        rows: contenders.map(({ label, needed }, at) => [
          label,
          needed === undefined ? `more than ${mostTried(bySize[at] ?? [])}` : `${needed}`,
          (bySize[at] ?? []).map(({ replicas, soon }) => `${replicas}: ${sharesText(soon)}`).join('; '),
        ]),
      },
    ],
    commands: [command],
  };
}

function answers([first, ...others]: readonly Contender[]): string {
  const said = ({ label, needed, tried }: Contender): string =>
    `${label} needs ${needed === undefined ? `more than ${mostTried(tried)}` : needed} replicas`;
  const saved = others.map((other) =>
    first?.needed === undefined || other.needed === undefined
      ? said(other)
      : `${said(other)} (${numeral(other.needed / first.needed)} times as many)`,
  );
  return [...(first === undefined ? [] : [said(first)]), ...saved].join(', ');
}

function mostTried(tried: Contender['tried']): number {
  return Math.max(...tried.map(({ replicas }) => replicas));
}

function sharesText(soon: readonly number[]): string {
  return spreadText({ middle: mean(soon), least: Math.min(...soon), most: Math.max(...soon) }, percent);
}
