import { z } from 'zod';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { Engineer, type Habits } from './engineer.ts';
import { awayMs } from './office-day.ts';

const [hour, minute, second] = [3_600_000, 60_000, 1000] as const;

/**
 * Longest wait in an office day, milliseconds: TraceLab (arXiv 2606.30560) has a 90th percentile of 21 minutes. What is longer
 * there are meals and nights, and those the day has of its own.
 */
const workWaitMsMax = 20 * minute;

/** Engineers that were waiting for something, a deploy, and begin in the same repository at once. */
const herdSchema = z.strictObject({
  at: z.number().nonnegative(),
  engineers: z.int().min(1).default(50),
  seconds: z.number().nonnegative().default(10),
  /** 0 is the one that most engineers have. */
  repository: z.int().min(0).max(99).default(0),
});

/** As many engineers as the scenario has, each in a closed loop. */
export const engineersSchema = z.strictObject({
  kind: z.literal('engineers'),
  /** The run begins at this time of an office day, HH:MM. Left out: everybody is there all the time. */
  dayFrom: z.iso.time({ precision: -1 }).optional(),
  /** Of the engineers with the highest numbers, who ask nothing before. */
  herds: z.array(herdSchema).default([]),
});

/** The engineers of a scenario. @throws {ConfigError} if its herds have more engineers than it has */
export function engineersAtWork(
  { dayFrom, herds }: z.infer<typeof engineersSchema>,
  { engineers, seed }: { engineers: number; seed: number },
): Engineer[] {
  const starts = herds.flatMap((herd, which) => {
    const random = seededRandom(seed * 7_000_003 + which);
    return Array.from({ length: herd.engineers }, () => ({
      atMs: second * (herd.at + herd.seconds * random()),
      repository: herd.repository,
    }));
  });
  if (starts.length > engineers)
    throw new ConfigError(
      `The herds have ${starts.length} engineers, but the scenario has ${engineers}: give it more.`,
    );
  return Array.from({ length: engineers }, (_, index) => {
    const own = starts[engineers - 1 - index];
    return new Engineer(seed, index, { ...dayOf(dayFrom, index), ...(own && { starts: own }) });
  });
}

function dayOf(dayFrom: string | undefined, index: number): Habits {
  if (dayFrom === undefined) return {};
  const [hours = 0, minutes = 0] = dayFrom.split(':').map(Number);
  const beganMs = hours * hour + minutes * minute;
  // Multiples of the golden ratio fill the ranks evenly, however many engineers there are.
  const rank = (index * 0.618_033_988_749_895) % 1;
  return { waitMsMax: workWaitMsMax, awayMs: (atMs) => awayMs((beganMs + atMs) / hour, rank) };
}
