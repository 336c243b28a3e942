import { join } from 'node:path';
import { aboutRun } from '#loadtest/record/about-run.ts';
import type { Figures } from '#loadtest/record/figures.ts';
import { RunFolder, type Sample } from '#loadtest/record/run-folder.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { Scenario } from '#loadtest/virtual/scenario.ts';
import { simulate } from '#loadtest/virtual/simulate.ts';
import { playOnSockets } from '../play-on-sockets.ts';

const minute = 60_000;

/** Who hears of a run while it goes on, and may end it. */
export interface Watched {
  /** Each text takes the place of the one before; an empty one ends it. */
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A run as it is kept and repeated. */
export interface RunPlace {
  readonly name: string;
  /** A folder for runs, if it is to be kept. */
  readonly keep: string | undefined;
  readonly command: string;
  /** Of real processes: 0.1 is ten times as fast. Undefined in virtual time. */
  readonly timeScale: number | undefined;
  readonly stack: string | undefined;
}

/** Plays a scenario. Undefined if it was ended in its warm-up. @throws ConfigError for what sockets do not have */
export async function playRun(
  scenario: Scenario,
  { name, keep, command, timeScale, stack }: RunPlace,
  { progress, signal }: Watched,
): Promise<Figures | undefined> {
  const { minutes, warmUpMinutes } = scenario;
  const about = await aboutRun({ name, mode: timeScale === undefined ? 'virtual' : 'sockets', scenario, command });
  await using kept = keep === undefined ? undefined : await RunFolder.create(join(keep, name), about);
  let sampledAt = 0;
  const watcher = {
    request: (record: RequestRecord) => kept?.request(record),
    sample: (sample: Sample) => {
      kept?.sample(sample);
      const minutesDone = Math.floor(sample.at / minute);
      if (minutesDone > Math.floor(sampledAt / minute)) progress(`${name}: ${minutesDone} of ${minutes} minutes`);
      sampledAt = sample.at;
    },
  };
  const figures =
    timeScale === undefined
      ? await simulate(scenario, watcher, signal)
      : (await playOnSockets(scenario, { timeScale, stack, watcher, signal }))?.figures;
  progress('');
  if (figures === undefined || sampledAt <= warmUpMinutes * minute) return undefined;
  await kept?.ended(figures);
  return figures;
}
