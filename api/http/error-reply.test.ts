import { describe, expect, it } from 'vitest';
import { errorReplySchema } from '#shared/contract/resource.ts';
import { errorResponse, renderError } from './error-reply.ts';
import { AppError, errorTable, type ErrorCode } from '#shared/contract/errors.ts';

const codes = Object.entries(errorTable).map(([code]) => code as ErrorCode);

describe('the management dialect of errors', () => {
  it.each(codes)('%s: has the shape, and Retry-After exactly where a retry helps', (code) => {
    const { status, headers, body } = renderError(new AppError(code), 'r-1');
    expect(errorReplySchema.parse(body)).toEqual({ id: code, message: errorTable[code].message, request_id: 'r-1' });
    const helps = errorTable[code].retryable && [502, 503, 504].includes(status);
    expect(headers['retry-after']).toBe(helps ? '1' : undefined);
    const told = renderError(new AppError(code, { retryAfterMs: 2500 }), 'r-1').headers['retry-after'];
    expect(told).toBe(helps || status === 429 ? '3' : undefined);
  });

  it('rounds Retry-After up to whole seconds, and lists problems and details', async () => {
    const problems = [{ path: 'spec.name', message: 'is wrong' }];
    const error = new AppError('overloaded', {
      retryAfterMs: 1001,
      problems,
      details: { a: 1 },
      cause: new Error('inner'),
    });
    const response = errorResponse(error, 'r-2');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ errors: problems, details: { a: 1 } });
    expect(text).not.toContain('inner');
  });

  it('tells the first problems in the message, since some clients show nothing else', () => {
    const problems = ['name', 'region', 'vpc', 'models', 'scale'].map((path) => ({ path, message: 'is wrong' }));
    const told = (count: number, message?: string): string =>
      renderError(
        new AppError('unprocessable', { problems: problems.slice(0, count), ...(message && { message }) }),
        'r',
      ).body.message;
    expect(told(1)).toBe('The request is well formed but cannot be accepted: name: is wrong.');
    expect(told(5)).toMatch(/: name: is wrong; region: is wrong; vpc: is wrong; and 2 more\.$/);
    expect(told(2, 'Something of its own.')).toBe('Something of its own.');
  });

  it('speaks RFC 9457 to whoever asks for it, with the same members beside', async () => {
    const error = new AppError('version_mismatch', { problems: [{ path: 'If-Match', message: 'is old' }] });
    const response = errorResponse(error, 'r-3', 'application/json, Application/Problem+JSON');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const { body } = renderError(error, 'r-3');
    const problem = { type: 'about:blank', title: 'Precondition Failed', status: 412, detail: body.message };
    expect(await response.json()).toEqual({ ...problem, ...body });
    expect(errorResponse(error, 'r-3', '*/*').headers.get('content-type')).toBe('application/json');
  });

  it('says who may ask on 401 and which methods there are on 405', () => {
    expect(renderError(new AppError('unauthorized'), 'r').headers['www-authenticate']).toBe('Bearer');
    const allow = renderError(new AppError('method_not_allowed', { details: { allow: 'GET' } }), 'r').headers['allow'];
    expect(allow).toBe('GET');
  });
});
