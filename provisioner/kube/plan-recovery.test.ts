import { describe, expect, test } from 'vitest';
import { KubeError } from './kube-error.ts';
import { planRecovery, type Ending } from './plan-recovery.ts';

const bounds = { baseMs: 800, maxMs: 30_000, retryAfterMaxMs: 120_000, random: () => 1 };
const error = (
  status: number,
  fields: { reason?: string; retryAfterMs?: number; causes?: { reason: string }[] } = {},
) =>
  new KubeError({
    status,
    reason: fields.reason ?? '',
    message: 'x',
    retryAfterMs: fields.retryAfterMs,
    details: { causes: fields.causes ?? [] },
  });
const failed = (cause: unknown): Ending => ({ step: 'watch', livedMs: 0, cause: { error: cause } });

describe('planRecovery', () => {
  const tooLarge = error(504, { reason: 'Timeout', causes: [{ reason: 'ResourceVersionTooLarge' }] });
  test.each<[string, Ending, { relist: boolean; waitMs: number; failures: number }]>([
    [
      'a watch that lived and closed goes on at once',
      { step: 'watch', livedMs: 1_000, cause: 'closed' },
      { relist: false, waitMs: 0, failures: 0 },
    ],
    [
      'a watch that closed at once backs off',
      { step: 'watch', livedMs: 999, cause: 'closed' },
      { relist: false, waitMs: 800, failures: 1 },
    ],
    [
      'silence is followed by a list',
      { step: 'watch', livedMs: 90_000, cause: 'inactive' },
      { relist: true, waitMs: 0, failures: 1 },
    ],
    [
      'a due list is no failure',
      { step: 'watch', livedMs: 600_000, cause: 'relist_due' },
      { relist: false, waitMs: 0, failures: 0 },
    ],
    ['410 lists at once', failed(error(410)), { relist: true, waitMs: 0, failures: 1 }],
    ['a version in the future lists at once', failed(tooLarge), { relist: true, waitMs: 0, failures: 1 }],
    ['500 backs off', failed(error(500)), { relist: false, waitMs: 800, failures: 1 }],
    ['no answer backs off', failed(error(0, { reason: 'Unreachable' })), { relist: false, waitMs: 800, failures: 1 }],
    [
      'an unreadable answer is passed over by a list',
      failed(error(0, { reason: 'BadResponse' })),
      { relist: true, waitMs: 800, failures: 1 },
    ],
    ['a refused version is passed over by a list', failed(error(400)), { relist: true, waitMs: 800, failures: 1 }],
    ['an unknown error backs off', failed(new TypeError('bug')), { relist: false, waitMs: 800, failures: 1 }],
    [
      'Retry-After is a minimum',
      failed(error(429, { retryAfterMs: 5_000 })),
      { relist: false, waitMs: 5_800, failures: 1 },
    ],
    [
      'Retry-After is bounded',
      failed(error(503, { retryAfterMs: 86_400_000 })),
      { relist: false, waitMs: 120_800, failures: 1 },
    ],
  ])('%s', (_, ending, expected) => {
    expect(planRecovery(ending, 0, bounds)).toEqual(expected);
  });

  test.each([
    ['500', error(500), [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]],
    ['410', error(410), [0, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]],
  ])('%s again and again waits longer, up to the bound', (_, cause, expected) => {
    const waits: number[] = [];
    for (let failures = 0; failures < 8;) {
      const next = planRecovery(failed(cause), failures, bounds);
      waits.push(next.waitMs);
      failures = next.failures;
    }
    expect(waits).toEqual(expected);
  });

  test('a healthy watch makes the next failure a first one', () => {
    const reset: Ending = { step: 'watch', livedMs: 60_000, cause: { error: error(0, { reason: 'Unreachable' }) } };
    expect(planRecovery(reset, 7, bounds)).toEqual({ relist: false, waitMs: 800, failures: 1 });
  });
});
