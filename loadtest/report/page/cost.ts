import { mean } from '#loadtest/virtual/marks/mean.ts';
import type { GpuPrice } from './gpu-price.ts';
import type { RunSeen } from './seen/run-seen.ts';

/** What a run's fleet cost after the warm-up, and what came of it; dollars are US dollars, NaN without a price. */
export interface Cost {
  readonly gpuHours: number;
  readonly dollars: number;
  /** Of them, for replicas that had nothing to do. */
  readonly idleDollars: number;
  readonly perMillion: { readonly all: number; readonly input: number; readonly output: number };
  readonly perThousandGood: number;
}

const [hour, million] = [3_600_000, 1e6];

/** All GPUs are paid for all the time, busy or not: a dedicated fleet. */
export function costOf({ about, until, replicas, tokens, figures }: RunSeen, price: GpuPrice | undefined): Cost {
  const { warmUpMinutes, replicas: asked = replicas.length } = about.scenario;
  const hours = (until - warmUpMinutes * 60_000) / hour;
  const { gpus = Number.NaN, perHour = Number.NaN } = price ?? {};
  const dollars = asked * perHour * hours;
  const goodAnswers = figures.goodput * hours * 3600;
  return {
    gpuHours: asked * gpus * hours,
    dollars,
    idleDollars: dollars * (replicas.length === 0 ? Number.NaN : mean(replicas.map(({ idle }) => idle))),
    perMillion: {
      all: (dollars / (tokens.prompt + tokens.output)) * million,
      input: (dollars / tokens.prompt) * million,
      output: (dollars / tokens.output) * million,
    },
    perThousandGood: (1000 * dollars) / goodAnswers,
  };
}
