import { join } from 'node:path';
import { aboutRun } from '#loadtest/record/about-run.ts';
import type { Figures } from '#loadtest/record/figures.ts';
import { RunFolder, type Sample } from '#loadtest/record/run-folder.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { Scenario } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';

const minute = 60_000;

/** Who hears of a run while it goes on, and may end it. */
export interface Watched {
  /** Each text takes the place of the one before; an empty one ends it. */
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Plays a scenario in virtual time, and keeps it in `keep` if that is a folder. Undefined if it was ended in its warm-up. */
export async function playVirtual(
  scenario: Scenario,
  { name, keep, command }: { name: string; keep: string | undefined; command: string },
  { progress, signal }: Watched,
): Promise<Figures | undefined> {
  const { minutes, warmUpMinutes } = scenario;
  const about = await aboutRun({ name, mode: 'virtual', scenario, command });
  await using kept = keep === undefined ? undefined : await RunFolder.create(join(keep, name), about);
  let sampledAt = 0;
  const watcher = {
    request: (record: RequestRecord) => kept?.request(record),
    sample: (sample: Sample) => {
      kept?.sample(sample);
      sampledAt = sample.at;
      if (sampledAt % minute === 0) progress(`${name}: ${sampledAt / minute} of ${minutes} minutes`);
    },
  };
  const figures = await simulate(scenario, watcher, signal);
  progress('');
  if (sampledAt <= warmUpMinutes * minute) return undefined;
  await kept?.ended(figures);
  return figures;
}
