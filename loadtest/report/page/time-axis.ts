import type { Contender } from './seen/contender.ts';
import type { Frame } from './draw.ts';
import type { RunSeen } from './seen/run-seen.ts';

const minute = 60_000;

/** The time axis that all runs fit on: minutes, or hours of a long one. */
export class TimeAxis {
  readonly frame: Pick<Frame, 'x' | 'shaded'>;
  readonly #unitMs: number;

  constructor(contenders: readonly Contender[]) {
    const scenarios = contenders.flatMap(({ runs }) => runs.map(({ about }) => about.scenario));
    const end = Math.max(...scenarios.map(({ minutes }) => minutes));
    const warmUp = Math.max(...scenarios.map(({ warmUpMinutes }) => warmUpMinutes));
    const isLong = end > 180;
    this.#unitMs = isLong ? 60 * minute : minute;
    this.frame = {
      x: {
        label: `time since the begin (${isLong ? 'hours' : 'minutes'}; the warm-up is shaded)`,
        domain: [0, (end * minute) / this.#unitMs],
      },
      shaded: [0, (warmUp * minute) / this.#unitMs],
    };
  }

  /** Where the middle of this slice stands. */
  middleOf(at: number, { sliceMs }: RunSeen): number {
    return ((at + 0.5) * sliceMs) / this.#unitMs;
  }
}
