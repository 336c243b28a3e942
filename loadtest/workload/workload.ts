import { z } from 'zod';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { engineersAtWork, engineersSchema } from './engineers-at-work.ts';
import { stageArrivals, stagesSchema } from './stages.ts';
import { traceArrivals, traceSchema } from './trace/trace-arrivals.ts';
import type { Workload } from './turn.ts';

/** What is asked, as a scenario says it; times in seconds since the run began. */
export const workloadSchema = z
  .discriminatedUnion('kind', [engineersSchema, stagesSchema, traceSchema])
  .prefault({ kind: 'engineers' });

/** Reads it as an option has it, in JSON. @throws {ConfigError} */
export function readWorkload(text: string): z.infer<typeof workloadSchema> {
  try {
    return workloadSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new ConfigError(
      `No workload is written so: ${text}\n${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}`,
    );
  }
}

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
      return workload.stages.map(({ rate, seconds, arrivals }) => `${rate}/s ${arrivals} for ${seconds} s`).join(', ');
  }
}

async function* none(): AsyncGenerator<never> {}
