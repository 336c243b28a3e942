import { mean } from '#loadtest/virtual/marks/mean.ts';
import { seedOf, type Contender } from './seen/contender.ts';
import { drawLines, type Line } from './draw.ts';
import { numeral, percent } from './numerals.ts';
import type { Section } from './page.ts';
import type { RunSeen } from './seen/run-seen.ts';
import { TimeAxis } from './time-axis.ts';

/** How evenly work lay on replicas: a picture for each contender, of its first seed. */
export function replicaSections(contenders: readonly Contender[]): Section[] {
  const time = new TimeAxis(contenders);
  const highest = Math.max(1, ...contenders.flatMap(({ runs }) => runs[0].slices.flatMap(inFlightOf)));
  return contenders.map(({ label, runs: [run] }, series) => {
    const { replicas } = run;
    const title = `In flight per replica: ${label}`;
    if (replicas.length === 0) return { title, says: ['Nobody looked at the replicas after the warm-up.'], tables: [] };
    const means = replicas.map((one) => one.mean);
    const [least, most] = [Math.min(...means), Math.max(...means)];
    return {
      title,
      says: [
        `Each thin line is a replica, the thick one their mean; lines that lie close together are even load. Over the time that counts the busiest replica had ${numeral(most)} requests on average and the idlest ${numeral(least)}, those that queue there included (seed ${seedOf(run)}).`,
      ],
      plot: {
        name: `in-flight-${series + 1}`,
        svg: drawLines(linesOf(run, { series, time }), {
          ...time.frame,
          y: { label: 'requests in flight', domain: [0, highest] },
          legend: [label],
          firstSeries: series,
          label: title,
        }),
      },
      tables: [
        {
          caption: 'Replicas',
          head: [
            'replicas',
            'mean of all',
            'busiest, mean',
            'idlest, mean',
            'busiest to mean',
            'most at once',
            'had nothing',
          ],
          rows: [
            [
              `${replicas.length}`,
              numeral(mean(means)),
              numeral(most),
              numeral(least),
              `${numeral(most / mean(means))}×`,
              numeral(Math.max(...replicas.map(({ max }) => max))),
              percent(mean(replicas.map(({ idle }) => idle))),
            ],
          ],
        },
      ],
    };
  });
}

function inFlightOf({ inFlight, samples }: RunSeen['slices'][number]): number[] {
  return inFlight.map((sum) => sum / samples);
}

function linesOf(run: RunSeen, { series, time }: { series: number; time: TimeAxis }): Line[] {
  const known = run.slices.flatMap((slice, at) =>
    slice.samples === 0 ? [] : [{ x: time.middleOf(at, run), counts: inFlightOf(slice) }],
  );
  const each = run.replicas.map((_, replica): Line => ({
    series,
    thin: true,
    points: known.map(({ x, counts }) => [x, counts[replica] ?? 0]),
  }));
  return [...each, { series, points: known.map(({ x, counts }) => [x, mean(counts)]) }];
}
