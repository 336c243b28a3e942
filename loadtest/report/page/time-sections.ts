import { overSeeds, type Contender } from './seen/contender.ts';
import { drawLines, type Line } from './draw.ts';
import { percent, spreadText } from './numerals.ts';
import type { Section } from './page.ts';
import type { RunSeen, Slice } from './seen/run-seen.ts';
import { TimeAxis } from './time-axis.ts';

interface Course {
  readonly title: string;
  readonly name: string;
  readonly says: string;
  readonly axis: string;
  readonly highest?: number;
  /** Of a slice of all seeds together, `seconds` long in sum; NaN where nothing is known. */
  readonly value: (slice: Slice, seconds: number) => number;
}

const hits: Course = {
  title: 'Cache hits over time',
  name: 'hits',
  says: 'Share of prompt tokens that came out of a cache, by when their answers ended. It climbs while caches fill; a fall is affinity that was lost.',
  axis: 'prompt tokens from caches (%)',
  highest: 100,
  value: ({ cachedTokens, promptTokens }) => (100 * cachedTokens) / promptTokens,
};

const goodput: Course = {
  title: 'Goodput over time',
  name: 'goodput',
  says: 'Answers per second with a first token within 2 s and at most 50 ms between tokens: the work that engineers are content with.',
  axis: 'good answers per second',
  value: ({ good }, seconds) => good / seconds,
};

const queue: Course = {
  title: 'Requests that wait in routers',
  name: 'queue',
  says: 'Requests that routers hold back because every replica has enough to do, mean of each slice of time. Rivals that hold nothing back queue in the engines instead, which the next picture shows.',
  axis: 'waiting requests',
  value: ({ queued, samples }) => queued / samples,
};

/** Hits, goodput and queue over time; the warm-up is shaded. */
export function timeSections(contenders: readonly Contender[]): Section[] {
  return [
    {
      ...drawn(hits, contenders),
      tables: [
        {
          caption: 'Prompt tokens from caches',
          head: ['run', 'hits after the warm-up'],
          rows: contenders.map((one) => [
            one.label,
            spreadText(
              overSeeds(one, (figures) => figures.hits),
              percent,
            ),
          ]),
        },
      ],
    },
    {
      ...drawn(goodput, contenders),
      tables: [
        {
          caption: 'Goodput',
          head: ['run', 'good answers per second', 'share of answers'],
          rows: contenders.map((one) => [
            one.label,
            spreadText(overSeeds(one, (figures) => figures.goodput)),
            spreadText(
              overSeeds(one, (figures) => figures.good),
              percent,
            ),
          ]),
        },
      ],
    },
    {
      ...drawn(queue, contenders),
      tables: [
        {
          caption: 'Waiting requests',
          head: ['run', 'mean', 'most at once'],
          rows: contenders.map((one) => [
            one.label,
            spreadText(overSeeds(one, (_, run) => meanQueue(run))),
            spreadText(overSeeds(one, (_, run) => run.queuedMax)),
          ]),
        },
      ],
    },
  ];
}

function meanQueue({ slices, about, sliceMs }: RunSeen): number {
  const counted = slices.filter((_, at) => at * sliceMs >= about.scenario.warmUpMinutes * 60_000);
  const sum = (of: (slice: Slice) => number): number => counted.reduce((total, slice) => total + of(slice), 0);
  return sum(({ queued }) => queued) / sum(({ samples }) => samples);
}

function drawn(
  { title, name, says, axis, highest, value }: Course,
  contenders: readonly Contender[],
): Omit<Section, 'tables'> {
  const time = new TimeAxis(contenders);
  const lines = contenders.map(({ runs }, series): Line => {
    const course = courseOf(runs, value).map((y, at) => [time.middleOf(at, runs[0]), y] as const);
    return { series, points: course.filter(([, y]) => Number.isFinite(y)) };
  });
  const frame = {
    y: { label: axis, ...(highest !== undefined && { domain: [0, highest] }) },
    legend: contenders.map(({ label }) => label),
    label: title,
  };
  return { title, says: [says], plot: { name, svg: drawLines(lines, { ...time.frame, ...frame }) } };
}

/** The seeds' slices added up, and the value of each. */
function courseOf(runs: Contender['runs'], value: Course['value']): number[] {
  const { sliceMs } = runs[0];
  const longest = Math.max(...runs.map(({ slices }) => slices.length));
  return Array.from({ length: longest }, (_, at) => {
    const there = runs.flatMap(({ slices }) => slices[at] ?? []);
    const sum = (of: (slice: Slice) => number): number => there.reduce((total, slice) => total + of(slice), 0);
    const slice: Slice = {
      done: sum((one) => one.done),
      good: sum((one) => one.good),
      failed: sum((one) => one.failed),
      promptTokens: sum((one) => one.promptTokens),
      cachedTokens: sum((one) => one.cachedTokens),
      samples: sum((one) => one.samples),
      queued: sum((one) => one.queued),
      inFlight: [],
    };
    return value(slice, (there.length * sliceMs) / 1000);
  });
}
