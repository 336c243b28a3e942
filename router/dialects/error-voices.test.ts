import { describe, expect, it } from 'vitest';
import { AppError, errorTable, type ErrorCode } from '#shared/contract/errors.ts';
import { errors as anthropic } from './anthropic/errors.ts';
import { errors as openAi } from './openai/errors.ts';

const codes = Object.keys(errorTable) as ErrorCode[];
/** All that `ErrorType` of @anthropic-ai/sdk 0.137 and 1.14 have in common. */
const anthropicTypes = [
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'not_found_error',
  'rate_limit_error',
  'timeout_error',
  'overloaded_error',
  'api_error',
];
const openAiTypes = ['invalid_request_error', 'permission_error', 'rate_limit_error', 'server_error'];
const about = { requestId: 'req_1' };

describe.each(codes)('%s', (code) => {
  const error = new AppError(code, { param: 'p' });

  it('is told with the table’s status and type, code and parameter as OpenAI’s clients read them', () => {
    const { status, headers, body } = openAi.told(error, about);
    const { type, ...rest } = (JSON.parse(body.toString()) as { error: { type: string } }).error;
    expect([status, headers['x-should-retry']]).toEqual([error.status, String(error.retryable)]);
    expect(openAiTypes).toContain(type);
    expect(rest).toEqual({ message: error.publicMessage, code, param: 'p' });
  });

  it('has a type that Anthropic’s clients know, and its status but for overload', () => {
    const { status, headers, body } = anthropic.told(error, about);
    const told = JSON.parse(body.toString()) as { error: { type: string } };
    expect(told).toEqual({
      type: 'error',
      error: {
        type: told.error.type,
        message: error.publicMessage,
        details: { error_code: code, param: 'p' },
      },
      request_id: 'req_1',
    });
    expect(anthropicTypes).toContain(told.error.type);
    expect([status, headers['x-should-retry']]).toEqual([
      code === 'overloaded' ? 529 : error.status,
      String(error.retryable),
    ]);
    if (status >= 500) expect(['api_error', 'timeout_error', 'overloaded_error']).toContain(told.error.type);
  });
});

it('what may be tried again later says when, in seconds and in milliseconds, and never after more than a minute', () => {
  for (const voice of [openAi, anthropic]) {
    const headers = (retryAfterMs?: number) =>
      voice.told(new AppError('overloaded', retryAfterMs === undefined ? {} : { retryAfterMs }), about).headers;
    expect(headers()).toMatchObject({ 'retry-after': '1', 'retry-after-ms': '1000' });
    expect(headers(1500.2)).toMatchObject({ 'retry-after': '2', 'retry-after-ms': '1501' });
    expect(headers(300_000)).toMatchObject({ 'retry-after': '60', 'retry-after-ms': '60000' });
  }
});
