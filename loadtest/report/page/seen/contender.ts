import type { Figures } from '#loadtest/record/figures.ts';
import { geometricMean, mean } from '#loadtest/virtual/marks/mean.ts';
import type { RunSeen } from './run-seen.ts';

/** Runs that differ by their seed alone: one side of a comparison. */
export interface Contender {
  readonly label: string;
  /** In the order of their seeds. */
  readonly runs: readonly [RunSeen, ...RunSeen[]];
}

/** A value over several seeds. */
export interface OverSeeds {
  readonly middle: number;
  readonly least: number;
  readonly most: number;
}

/** Sorts runs by what was run, in the order in which they were named. Commits are compared, too. */
export function contendersOf(runs: readonly RunSeen[]): Contender[] {
  const groups = new Map<string, [RunSeen, ...RunSeen[]]>();
  for (const run of runs) {
    const { mode, commit, scenario } = run.about;
    const key = JSON.stringify([mode, commit, { ...scenario, seed: 0 }]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  const all = [...groups.values()].map((group) => {
    group.sort((one, other) => seedOf(one) - seedOf(other));
    return { label: labelOf(group), runs: group };
  });
  const isTaken = (label: string): boolean => all.filter((one) => one.label === label).length > 1;
  return all.map(({ label, runs: [first, ...rest] }) => ({
    label: isTaken(label) ? `${label} (${first.about.commit})` : label,
    runs: [first, ...rest],
  }));
}

/** A run's name says its seed at the end; several seeds have the rest in common. */
function labelOf([{ about }]: readonly [RunSeen, ...RunSeen[]]): string {
  return about.name.replace(/[\s,;·-]*seed \d+$/, '');
}

/** What a run of this seed is called, and paired by. */
export function seedOf({ about }: RunSeen): number {
  return about.scenario.seed;
}

/** Mean over the seeds, and how far they lie apart. */
export function overSeeds({ runs }: Contender, value: (figures: Figures, run: RunSeen) => number): OverSeeds {
  return spread(
    runs.map((run) => value(run.figures, run)),
    mean,
  );
}

/** Each seed beside the same seed of the other: geometric mean of the ratios; undefined without a common seed. */
export function ratioTo(
  base: Contender,
  other: Contender,
  value: (figures: Figures, run: RunSeen) => number,
): OverSeeds | undefined {
  const ratios = other.runs.flatMap((run) => {
    const pair = base.runs.find((one) => seedOf(one) === seedOf(run));
    return pair === undefined ? [] : [value(run.figures, run) / value(pair.figures, pair)];
  });
  return ratios.length === 0 ? undefined : spread(ratios, geometricMean);
}

function spread(values: readonly number[], middle: (values: readonly number[]) => number): OverSeeds {
  return { middle: middle(values), least: Math.min(...values), most: Math.max(...values) };
}
