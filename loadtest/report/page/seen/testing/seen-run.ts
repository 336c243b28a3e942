import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { KeptRun, RunAbout, Sample } from '#loadtest/record/run-folder.ts';
import { Observer } from '#loadtest/record/figures.ts';
import { seeRun, type RunSeen } from '../run-seen.ts';

/** An answer that came in time: first token after half a second, 41 tokens in two more. */
export const answer: RequestRecord = {
  outcome: 'done',
  client: 'one',
  askedAt: 70_000,
  firstAt: 70_500,
  lastAt: 72_500,
  promptTokens: 1000,
  cachedTokens: 900,
  freshTokens: 50,
  outputTokens: 41,
};

/** A run of three minutes, the first to warm up, as it would be read from its folder. */
export function seenRun(
  given: {
    readonly about?: Partial<RunAbout>;
    readonly scenario?: Partial<RunAbout['scenario']>;
    readonly requests?: readonly RequestRecord[];
    readonly samples?: readonly Sample[];
    readonly brokenOff?: boolean;
  } = {},
): Promise<RunSeen> {
  const { requests = [], samples = [], brokenOff = false } = given;
  const common = { seed: 1, minutes: 3, warmUpMinutes: 1, replicas: 2, routers: 1, policy: 'affinity' };
  const scenario = { ...common, ...given.scenario };
  const observer = new Observer(60_000);
  for (const record of requests) observer.add(record);
  const run: KeptRun = {
    folder: 'somewhere',
    about: {
      v: 1,
      name: 'small, seed 1',
      mode: 'virtual',
      commit: 'abcd',
      startedAt: '2026-11-27T12:00:00Z',
      ...given.about,
      scenario,
    },
    figures: brokenOff ? undefined : observer.figures(60_000 * scenario.minutes),
    requests: () => linesOf(requests),
    samples: () => linesOf(samples),
  };
  return seeRun(run);
}

async function* linesOf<Line>(lines: readonly Line[]): AsyncGenerator<Line> {
  for (const line of lines) yield await Promise.resolve(line);
}
