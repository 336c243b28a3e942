import { expect, test } from 'vitest';
import { addTallies, closingLine, showSkips, tallyOf } from './test-tally.ts';

const file = (status: string, ...tests: string[]): object => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((one) => ({ status: one, fullName: `it ${one}` })),
});

test('tests are counted by how they ended', () => {
  const report = { testResults: [file('failed', 'passed', 'failed', 'todo'), file('passed', 'passed', 'skipped')] };
  expect(tallyOf(report, 1)).toEqual({
    passed: 2,
    failed: 1,
    skipped: 2,
    failures: ['a.test.ts: it failed'],
  });
});

test('a file that failed before its tests is one failure', () => {
  expect(tallyOf({ testResults: [file('failed'), file('passed', 'passed')] }, 1)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
    failures: ['a.test.ts: before any test'],
  });
});

test.each([
  ['a status other than 0', { testResults: [file('passed', 'passed')] }, 1],
  ['a run that was killed', { testResults: [file('passed', 'passed')] }, null],
  ['a report that is missing', undefined, 0],
  ['a report of another shape', { testResults: 'none' }, 0],
])('%s is a failure also when no test failed', (_name, report, exitCode) => {
  expect(tallyOf(report, exitCode).failed).toBe(1);
});

test('the closing line has the form that scripts read', () => {
  const one = { passed: 1, failed: 2, skipped: 3, failures: [] };
  expect(closingLine(addTallies([one, one]))).toBe('2 passed, 4 failed, 6 skipped');
});

test('what was skipped stands above the command that gets it, each once', () => {
  const skip = (what: string, how: string): string => `${JSON.stringify({ what, how })}\n`;
  const text = skip('b', 'build') + skip('c', 'install') + skip('a', 'build') + skip('b', 'build');
  expect(showSkips(text)).toEqual(['a', 'b', '  → build', 'c', '  → install']);
});
