import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Figures } from '#loadtest/record/figures.ts';
import { readRun } from '#loadtest/record/run-folder.ts';
import type { Declaration } from '../declared/declaration.ts';
import { keptName } from '../declared/kept-name.ts';
import { judge } from '../declared/mark.ts';
import type { LabRow } from './lab-row.ts';

/** The marks of a scenario by the runs of it that are kept in a folder; none where none is. @throws if a run beside one is missing */
export async function judgedRuns({ name, beside, marks }: Declaration, folder: string): Promise<LabRow[]> {
  const kept = new RegExp(`^${name}-seed-(\\d+)$`);
  const seeds = (await readdir(folder))
    .flatMap((entry) => kept.exec(entry)?.slice(1).map(Number) ?? [])
    .toSorted((a, b) => a - b);
  if (seeds.length === 0) return [];
  const runs: Record<string, Figures[]> = {};
  const commits = new Set<string>();
  for (const run of [name, ...Object.keys(beside)])
    for (const seed of seeds) {
      const { about, figures } = await readRun(join(folder, keptName(name, run, seed)));
      if (figures === undefined) throw new Error(`${about.name} has no figures: it was broken off. Play it again.`);
      commits.add(about.commit);
      (runs[run] ??= []).push(figures);
    }
  const command = `npm run load -- ${name} --virtual --seeds ${seeds.join(',')}`;
  return marks
    .map((mark) => judge(mark, name, runs))
    .map(({ mark, ...judged }) => ({
      what: `${name}: ${mark}`,
      ...judged,
      command: `\`${command}\` at ${[...commits].join(', ')}`,
    }));
}
