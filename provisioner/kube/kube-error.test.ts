import { describe, expect, test } from 'vitest';
import * as errors from './kube-error.ts';

const from = (body: unknown, httpStatus = 500) => errors.kubeErrorFromStatus({ what: 'GET /x', httpStatus, body });
const causes = (reason: string, field = 'f') => ({ causes: [{ reason, field, message: 'm' }] });

describe('kubeErrorFromStatus', () => {
  test('keeps what the Status says', () => {
    const error = from({ code: 404, reason: 'NotFound', message: 'pods "x" not found', details: { name: 'x' } });
    expect(error).toMatchObject({
      status: 404,
      reason: 'NotFound',
      details: { name: 'x' },
      message: 'GET /x: pods "x" not found',
    });
  });

  test.each([undefined, null, 'text', [], { details: null, code: '7' }])('makes sense of %j', (body) => {
    expect(from(body, 503)).toMatchObject({ status: 503, reason: 'ServiceUnavailable', details: {} });
  });

  test('reads the delay from the details when the header has none', () => {
    expect(from({ code: 504, details: { retryAfterSeconds: 3 } }).retryAfterMs).toBe(3_000);
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 0, 1);
  test.each([
    ['7', 7_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, expected) => {
    expect(errors.parseRetryAfter(value, now)).toBe(expected);
  });
});

describe('predicates', () => {
  const samples = {
    notFound: from({ code: 404, reason: 'NotFound' }),
    exists: from({ code: 409, reason: 'AlreadyExists' }),
    precondition: from({ code: 409, reason: 'Conflict' }),
    otherUid: from({ code: 422, reason: 'Invalid', details: causes('FieldValueInvalid', 'metadata.uid') }),
    owned: from({ code: 409, reason: 'Conflict', details: causes('FieldManagerConflict') }),
    gone: from({ code: 410, reason: 'Expired' }),
    fence: from({ code: 422, reason: 'Invalid', details: causes('FieldValueInvalid', 'spec') }),
    forbidden: from({ code: 403, reason: 'Forbidden' }),
    terminating: from({ code: 403, reason: 'Forbidden', details: causes('NamespaceTerminating') }),
    future: from({ code: 504, reason: 'Timeout', details: causes('ResourceVersionTooLarge') }),
    foreign: new Error('404'),
  };
  test.each<[string, (error: unknown) => boolean, (keyof typeof samples)[]]>([
    ['isNotFound', errors.isNotFound, ['notFound']],
    ['isAlreadyExists', errors.isAlreadyExists, ['exists']],
    ['isConflict', errors.isConflict, ['precondition', 'owned']],
    ['isFieldManagerConflict', errors.isFieldManagerConflict, ['owned']],
    ['isPreconditionFailed', errors.isPreconditionFailed, ['precondition', 'otherUid']],
    ['isGone', errors.isGone, ['gone']],
    ['isInvalid', errors.isInvalid, ['otherUid', 'fence']],
    ['isForbiddenTerminating', errors.isForbiddenTerminating, ['terminating']],
    ['isVersionTooLarge', errors.isVersionTooLarge, ['future']],
  ])('%s is true for exactly its errors', (_, predicate, expected) => {
    expect(
      Object.entries(samples)
        .filter(([, error]) => predicate(error))
        .map(([name]) => name),
    ).toEqual(expected);
  });
});
