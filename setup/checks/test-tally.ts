import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** How many tests ended how. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Each failure in a line: file and test. */
  failures: string[];
}

/** What vitest's JSON reporter writes, as far as it is read here. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

/**
 * Counts one vitest run. A file that failed before any of its tests could is one failure; so is a run that ended with a
 * status other than 0 (or a report that is missing) without a failed test to show for it.
 */
export function tallyOf(report: unknown, exitCode: number | null): Tally {
  const parsed = reportSchema.safeParse(report);
  const tallies = (parsed.data?.testResults ?? []).map(tallyFile);
  const tally = addTallies(tallies);
  if (tally.failed > 0 || (exitCode === 0 && parsed.success)) return tally;
  return addTallies([tally, failure('the test run itself: see its output above')]);
}

function tallyFile(file: z.infer<typeof reportSchema>['testResults'][number]): Tally {
  const tests = file.assertionResults;
  const count = (...statuses: string[]): number => tests.filter((one) => statuses.includes(one.status)).length;
  const failed = tests.filter((one) => one.status === 'failed').map((one) => `${file.name}: ${one.fullName}`);
  const failures = failed.length === 0 && file.status === 'failed' ? [`${file.name}: before any test`] : failed;
  const skipped = count('skipped', 'pending', 'todo', 'disabled');
  return { passed: count('passed'), failed: failures.length, skipped, failures };
}

/** One thing that failed, beside the tests. */
export function failure(what: string): Tally {
  return { passed: 0, failed: 1, skipped: 0, failures: [what] };
}

/** Reads and counts the report that a run wrote, if it wrote one. */
export function readTally(file: string, exitCode: number | null): Tally {
  return tallyOf(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined, exitCode);
}

export function addTallies(tallies: readonly Tally[]): Tally {
  const sum = (field: 'passed' | 'failed' | 'skipped'): number => tallies.reduce((total, one) => total + one[field], 0);
  const failures = tallies.flatMap((one) => one.failures);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), failures };
}

/** The last line of a test run, in the form that scripts read. */
export function closingLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

const skipSchema = z.object({ what: z.string(), how: z.string() });

/** The distinct requirements that `skipUnless` (shared/testing/skips.ts) wrote, and below them how to get them. */
export function readSkips(file: string): string[] {
  return existsSync(file) ? showSkips(readFileSync(file, 'utf8')) : [];
}

/** The same of the file's text: what one command gets stands together. */
export function showSkips(text: string): string[] {
  const lines = [...new Set(text.split('\n').filter(Boolean))].toSorted();
  const groups = Map.groupBy(
    lines.map((line) => skipSchema.parse(JSON.parse(line))),
    ({ how }) => how,
  );
  return [...groups].flatMap(([how, skips]) => [...skips.map(({ what }) => what), `  → ${how}`]);
}
