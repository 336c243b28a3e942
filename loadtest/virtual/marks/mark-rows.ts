import type { Figures } from '#loadtest/record/figures.ts';
import type { ScenarioText } from '../scenario.ts';
import type { CellFigures } from './cell-runs.ts';
import { geometricMean, mean } from './mean.ts';

/** One mark: what is asked for, and what was measured, seed by seed against its pair. */
export interface MarkRow {
  readonly mark: string;
  readonly goal: string;
  readonly measured: string;
  readonly holds: boolean;
  /** The same with caches that never evict, where that says what is possible. */
  readonly bound?: string;
}

const rivals = [
  'aibrix',
  'llm_d',
  'llm_d_active',
  'kubeai_session',
  'fullSession1',
  'least_in_flight',
  'round_robin',
] as const;
/** Names its conversations to whoever hashes them. */
const session = { policy: 'session_hash', sessionHeader: true } as const;
/** The minute in which Redis is away, alone. */
const redisMinute = { engineers: 300, replicas: 16, routers: 4, warmUpMinutes: 15, minutes: 16 } as const;

type Cell = keyof ReturnType<typeof cellsOf>;

/** All runs that the marks are read from. Eight replicas, unless said otherwise. */
export function cellsOf({ calm, saturated }: { calm: number; saturated: number }) {
  const sixteen = { engineers: 2 * calm, replicas: 16, routers: 4 };
  return {
    calm1: { engineers: calm },
    calm4: { engineers: calm, routers: 4 },
    calm8: { engineers: calm, routers: 8 },
    calmAibrix: { engineers: calm, policy: 'aibrix' },
    calmSession4: { engineers: calm, routers: 4, ...session },
    full1: { engineers: saturated },
    full4: { engineers: saturated, routers: 4 },
    full8: { engineers: saturated, routers: 8 },
    fullSession4: { engineers: saturated, routers: 4, ...session },
    fullSession1: { engineers: saturated, ...session },
    /** Caches that never evict: nobody who routes can do better than about this. */
    bound1: { engineers: saturated, kvTokens: 1_000_000_000 },
    aibrix: { engineers: saturated, policy: 'aibrix' },
    llm_d: { engineers: saturated, policy: 'llm_d' },
    llm_d_active: { engineers: saturated, policy: 'llm_d_active' },
    kubeai_session: { engineers: saturated, policy: 'kubeai_session', sessionHeader: true },
    least_in_flight: { engineers: saturated, policy: 'least_in_flight' },
    round_robin: { engineers: saturated, policy: 'round_robin' },
    flooded4: { engineers: calm, routers: 4, faults: [{ kind: 'flood', at: 300, clients: 40 }] },
    sixteen4: sixteen,
    slow4: { ...sixteen, faults: [{ kind: 'slow', at: 0, replicas: 2, factor: 3 }] },
    redisUp: redisMinute,
    redisDown: { ...redisMinute, faults: [{ kind: 'redis', at: 900, seconds: 60 }] },
  } satisfies Record<string, ScenarioText>;
}

/** The marks, read from the runs. */
export function markRows(figures: CellFigures<Cell>): MarkRow[] {
  const ratio = (of: (one: Figures) => number, a: Cell, b: Cell): Compared =>
    compared(figures[a].map((one, i) => of(one) / of(figures[b][i] ?? one)));
  const bounded = (of: (one: Figures) => number, a: Cell, b: Cell): Compared => ({
    ...ratio(of, a, b),
    bound: ratio(of, 'bound1', b).text,
  });
  const points = (a: Cell, b: Cell): number =>
    100 * mean(figures[b].map((one, i) => one.hits - (figures[a][i] ?? one).hits));
  const best =
    rivals.toSorted((a, b) => mean(figures[b].map(goodputOf)) - mean(figures[a].map(goodputOf)))[0] ?? 'aibrix';
  return [
    ...(['calm', 'full'] as const).flatMap((load) =>
      ([4, 8] as const).flatMap((routers) => [
        atMost(
          `1 → ${routers} routers, ${nameOf(load)}: hits lost, points`,
          1,
          points(`${load}${routers}`, `${load}1`),
        ),
        under(`1 → ${routers} routers, ${nameOf(load)}: TTFT p99`, 1.1, ratio(p99Of, `${load}${routers}`, `${load}1`)),
      ]),
    ),
    over('saturated, one router: goodput beside AIBrix’s rule', 1.08, bounded(goodputOf, 'full1', 'aibrix')),
    under('saturated, one router: TTFT p95 beside AIBrix’s rule', 0.75, bounded(p95Of, 'full1', 'aibrix')),
    over(
      `saturated, 4 routers: goodput beside the best rival with one (${best})`,
      1,
      bounded(goodputOf, 'full4', best),
    ),
    over(
      'saturated, 4 routers: goodput beside session hash with its header',
      1.6,
      bounded(goodputOf, 'full4', 'fullSession4'),
    ),
    over(
      'calm, 4 routers: goodput beside session hash with its header',
      0.99,
      ratio(goodputOf, 'calm4', 'calmSession4'),
    ),
    over('saturated, 4 routers: goodput beside one', 0.95, ratio(goodputOf, 'full4', 'full1')),
    under('calm, 4 routers, a flow floods all of them: TTFT p95 of the others', 1.3, ratio(p95Of, 'flooded4', 'calm4')),
    under('calm, 16 replicas of which 2 take 3× as long: TTFT p99', 1.2, ratio(p99Of, 'slow4', 'sixteen4')),
    atMost(
      '300 engineers, 4 routers, Redis away for 60 s: hits lost in them, points',
      5,
      points('redisDown', 'redisUp'),
    ),
  ];
}

interface Compared {
  readonly value: number;
  readonly text: string;
  readonly bound?: string;
}

function compared(ratios: readonly number[]): Compared {
  const value = geometricMean(ratios);
  return { value, text: `${value.toFixed(2)}× (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})` };
}

function under(mark: string, most: number, { value, text, ...bound }: Compared): MarkRow {
  return { mark, goal: `≤ ${most}×`, measured: text, holds: value <= most, ...bound };
}

function over(mark: string, least: number, { value, text, ...bound }: Compared): MarkRow {
  return { mark, goal: `≥ ${least}×`, measured: text, holds: value >= least, ...bound };
}

function atMost(mark: string, most: number, value: number): MarkRow {
  return { mark, goal: `≤ ${most}`, measured: value.toFixed(2), holds: value <= most };
}

function nameOf(load: 'calm' | 'full'): string {
  return load === 'full' ? 'saturated' : 'calm';
}

const goodputOf = ({ goodput }: Figures): number => goodput;
const p95Of = ({ ttft }: Figures): number => ttft.p95;
const p99Of = ({ ttft }: Figures): number => ttft.p99;
