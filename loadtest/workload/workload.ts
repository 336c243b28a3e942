import { z } from 'zod';
import { engineersAtWork, engineersSchema } from './engineers-at-work.ts';
import { stageArrivals, stagesSchema } from './stages.ts';
import { traceArrivals } from './trace/trace-arrivals.ts';
import { mooncakeBlockTokens } from './trace/mooncake.ts';
import type { Workload } from './turn.ts';

/** What is asked, as a scenario says it; times in seconds since the run began. */
export const workloadSchema = z
  .discriminatedUnion('kind', [
    engineersSchema,
    stagesSchema,
    /** A Mooncake or Azure trace, in an open loop. */
    z.strictObject({
      kind: z.literal('trace'),
      file: z.string(),
      speed: z.number().positive().default(1),
      /** Of the blocks that a Mooncake trace counts in. */
      blockTokens: z.int().min(1).default(mooncakeBlockTokens),
    }),
  ])
  .prefault({ kind: 'engineers' });

/** What decides a workload. */
export interface WorkloadChoice {
  readonly workload: z.infer<typeof workloadSchema>;
  readonly engineers: number;
  readonly seed: number;
}

/** Everybody and everything that asks. A file is opened when its arrivals are asked for. */
export function openWorkload({ workload, engineers, seed }: WorkloadChoice): Workload {
  switch (workload.kind) {
    case 'engineers':
      return { askers: engineersAtWork(workload, { engineers, seed }), arrivals: none() };
    case 'trace':
      return { askers: [], arrivals: traceArrivals(workload) };
    case 'stages':
      return { askers: [], arrivals: stageArrivals(workload, seed) };
  }
}

/** What a person calls it. */
export function workloadName({ workload, engineers }: Omit<WorkloadChoice, 'seed'>): string {
  switch (workload.kind) {
    case 'engineers':
      return `${engineers} engineers${workload.dayFrom === undefined ? '' : ` from ${workload.dayFrom}`}`;
    case 'trace':
      return `${workload.file.split('/').at(-1)} at ${workload.speed}×`;
    case 'stages':
      return `${workload.stages.map(({ rate, seconds, arrivals }) => `${rate}/s ${arrivals} for ${seconds} s`).join(', ')}`;
  }
}

async function* none(): AsyncGenerator<never> {}
