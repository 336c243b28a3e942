import { describe, expect, it } from 'vitest';
import { AppError, errorTable, toAppError } from './errors.ts';

describe('the error table', () => {
  it.each(Object.entries(errorTable))(
    '%s: status, retry and sentence fit together',
    (code, { status, retryable, message }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      // Whoever may try again gets a status on which clients do, or a conflict that they resolve by reading.
      if (retryable) expect([408, 409, 429, 502, 503, 504]).toContain(status);
      // Clients repeat these by themselves, whatever the body says.
      else expect([408, 429, 502, 503, 504]).not.toContain(status);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(message).toMatch(/^[A-Z]/);
    },
  );

  it('never says after a known commit that it failed: 500 is for the unknown alone', () => {
    const codes = Object.entries(errorTable).filter(([, row]) => row.status === 500);
    expect(codes.map(([code]) => code)).toEqual(['server_error']);
  });
});

describe('AppError', () => {
  it('takes status and sentence from the table and hides its cause', () => {
    const error = new AppError('name_taken', { cause: new Error('secret detail'), retryAfterMs: 5, param: 'name' });
    expect([error.status, error.retryable, error.publicMessage]).toEqual([409, false, errorTable.name_taken.message]);
    expect(error.message).not.toContain('secret detail');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('stands for whatever was thrown', () => {
    const known = new AppError('not_found');
    expect(toAppError(known)).toBe(known);
    for (const thrown of [new Error('x'), 'text', null, { code: 'not_found' }])
      expect(toAppError(thrown)).toMatchObject({ code: 'server_error', cause: thrown });
  });
});
