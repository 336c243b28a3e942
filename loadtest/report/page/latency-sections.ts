import type { Contender } from './seen/contender.ts';
import { drawLines } from './draw.ts';
import { numeral, percent } from './numerals.ts';
import { Distribution, type Numbers } from './seen/numbers.ts';
import type { Section } from './page.ts';
import type { RunSeen } from './seen/run-seen.ts';

const shares = [0.1, 0.5, 0.9, 0.95, 0.99] as const;
/** Points of a curve; the last per cent has ten of its own. */
const levels = [...Array.from({ length: 99 }, (_, at) => (at + 1) / 100), ...tail(), 1];

function tail(): number[] {
  return Array.from({ length: 9 }, (_, at) => 0.991 + at / 1000);
}

interface Latency {
  readonly title: string;
  readonly short: string;
  readonly unit: 's' | 'ms';
  /** What counts as good, in the unit; undefined where nothing does. */
  readonly goal?: number;
  readonly of: (run: RunSeen) => Numbers;
}

const latencies: readonly Latency[] = [
  { title: 'Time to the first token (TTFT)', short: 'TTFT', unit: 's', goal: 2, of: (run) => run.ttftMs },
  {
    title: 'Time between tokens (ITL), mean of each answer',
    short: 'ITL',
    unit: 'ms',
    goal: 50,
    of: (run) => run.itlMs,
  },
  { title: 'Time of a whole answer, end to end', short: 'End to end', unit: 's', of: (run) => run.e2eMs },
];

/** How long requests took: which share was answered within which time. Seeds are put together. */
export function latencySections(contenders: readonly Contender[]): Section[] {
  return latencies.map((latency) => section(latency, contenders));
}

function section({ title, short, unit, goal, of }: Latency, contenders: readonly Contender[]): Section {
  const perUnit = unit === 's' ? 1000 : 1;
  const all = contenders.map(({ label, runs }) => ({ label, times: new Distribution(...runs.map(of)) }));
  const known = all.filter(({ times }) => times.count > 0);
  if (known.length === 0) return { title, says: ['No answer is there to be timed.'], tables: [] };
  const at = (times: Distribution, share: number): number => times.quantile(share) / perUnit;
  const within = goal === undefined ? [] : [`within ${goal} ${unit}`];
  const goalText = goal === undefined ? '' : ` The vertical line is the goal of ${goal} ${unit}.`;
  const fastest = known.map(({ label, times }) => `${label}: ${numeral(at(times, 0.9))} ${unit}`).join('; ');
  return {
    title,
    says: [
      `A curve that is higher and further left is faster. Nine of ten answers stayed within the time where it crosses 90 %: ${fastest}.${goalText}`,
    ],
    plot: {
      name: short.toLowerCase().replaceAll(' ', '-'),
      svg: drawLines(
        all.map(({ times }, series) => ({
          series,
          points: times.count === 0 ? [] : levels.map((level) => [at(times, level), 100 * level] as const),
        })),
        {
          x: { type: 'log', label: `${short} (${unit}, logarithmic)`, tickFormat: logTick, grid: true, nice: true },
          y: { label: 'share of answers (%)', domain: [0, 100] },
          legend: all.map(({ label }) => label),
          label: `${title}: cumulative shares`,
          ...(goal !== undefined && { verticals: [goal] }),
        },
      ),
    },
    tables: [
      {
        caption: `${short}, ${unit}`,
        head: ['run', 'answers', ...shares.map((share) => `p${100 * share}`), ...within],
        rows: all.map(({ label, times }) => [
          label,
          numeral(times.count),
          ...shares.map((share) => numeral(at(times, share))),
          ...(goal === undefined ? [] : [percent(times.shareWithin(goal * perUnit))]),
        ]),
      },
    ],
  };
}

/** Of a decade only 1, 2 and 5 are named. */
function logTick(value: number): string {
  const digit = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  return [1, 2, 5].includes(digit) ? `${Number(value.toPrecision(1))}` : '';
}
