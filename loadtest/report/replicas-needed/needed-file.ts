import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';

const neededSchema = z.object({
  v: z.literal(1),
  commit: z.string(),
  command: z.string(),
  startedAt: z.string(),
  /** What was asked of each fleet, in words. */
  load: z.string(),
  /** Share of first tokens that had to come within two seconds. */
  share: z.number(),
  seeds: z.array(z.int()),
  preset: z.string(),
  contenders: z.array(
    z.object({
      label: z.string(),
      /** Left out where not even the most that were tried are enough. */
      needed: z.int().optional(),
      tried: z.array(z.object({ replicas: z.int(), soon: z.array(z.number()) })),
    }),
  ),
});

/** How many replicas each contender needs for the same load: `replicas-needed.json`. */
export type ReplicasNeeded = z.infer<typeof neededSchema>;

export async function writeNeeded(file: string, needed: ReplicasNeeded): Promise<void> {
  await writeFile(file, `${JSON.stringify(needed, undefined, 2)}\n`);
}

/** @throws if that is no such file */
export async function readNeeded(file: string): Promise<ReplicasNeeded> {
  return neededSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
