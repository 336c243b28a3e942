import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** How many tests ended how. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** What vitest's JSON reporter writes, as far as it is read here. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({ name: z.string(), status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
});

/**
 * Counts one vitest run. A file that failed before any of its tests could is one failure; so is a run that ended with a
 * status other than 0 (or a report that is missing) without a failed test to show for it.
 */
export function tallyOf(report: unknown, exitCode: number | null): Tally {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  const parsed = reportSchema.safeParse(report);
  for (const file of parsed.data?.testResults ?? []) {
    const statuses = file.assertionResults.map((test) => test.status);
    const failed = statuses.filter((status) => status === 'failed').length;
    tally.passed += statuses.filter((status) => status === 'passed').length;
    tally.failed += file.status === 'failed' ? Math.max(1, failed) : failed;
    tally.skipped += statuses.filter((status) => ['skipped', 'pending', 'todo', 'disabled'].includes(status)).length;
  }
  if (tally.failed === 0 && (exitCode !== 0 || !parsed.success)) tally.failed = 1;
  return tally;
}

/** Reads and counts the report that a run wrote, if it wrote one. */
export function readTally(file: string, exitCode: number | null): Tally {
  return tallyOf(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined, exitCode);
}

export function addTallies(tallies: readonly Tally[]): Tally {
  const sum = (field: keyof Tally): number => tallies.reduce((total, tally) => total + tally[field], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** The last line of a test run, in the form that scripts read. */
export function closingLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

const skipSchema = z.object({ what: z.string(), how: z.string() });

/** The distinct requirements that `skipUnless` (shared/testing/skips.ts) wrote, one sentence each. */
export function readSkips(file: string): string[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const sentences = lines.map((line) => skipSchema.parse(JSON.parse(line))).map((skip) => `${skip.what} (${skip.how})`);
  return [...new Set(sentences)].toSorted();
}
