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
  const all = [...groups.values()];
  for (const group of all) group.sort((one, other) => seedOf(one) - seedOf(other));
  const names = withoutCommonEnd(all.map(([{ about }]) => about.name.replace(/[\s,;·-]*seed \d+$/, '')));
  return all.map((group, at) => {
    const name = names[at] ?? '';
    const isTaken = names.indexOf(name) !== names.lastIndexOf(name);
    return { label: isTaken ? `${name} (${group[0].about.commit})` : name, runs: group };
  });
}

/** What all names end with, after a comma, tells nobody apart. */
function withoutCommonEnd(names: readonly string[]): string[] {
  const parts = names.map((name) => name.split(', '));
  const [first = [], ...others] = parts;
  while (others.length > 0 && parts.every((some) => some.length > 1 && some.at(-1) === first.at(-1)))
    for (const some of parts) some.pop();
  return parts.map((some) => some.join(', '));
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
  const ratios = other.runs.flatMap((run, at) => {
    // A seed may have been run in several rounds.
    const round = other.runs.slice(0, at).filter((one) => seedOf(one) === seedOf(run)).length;
    const pair = base.runs.filter((one) => seedOf(one) === seedOf(run))[round];
    return pair === undefined ? [] : [value(run.figures, run) / value(pair.figures, pair)];
  });
  return ratios.length === 0 ? undefined : spread(ratios, geometricMean);
}

function spread(values: readonly number[], middle: (values: readonly number[]) => number): OverSeeds {
  return { middle: middle(values), least: Math.min(...values), most: Math.max(...values) };
}
