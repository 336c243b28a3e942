import type { RouteConfig } from '@hono/zod-openapi';
import { AppError, errorTable, type ErrorCode } from '#shared/contract/errors.ts';
import { errorReplySchema, problemReplySchema } from '#shared/contract/resource.ts';
import { problemOf, renderError } from '../../http/error-reply.ts';
import { failureHeaders } from './header-doc.ts';
import type { Route } from '../routes/route.ts';

const sentences: Record<number, string> = {
  400: 'The request cannot be understood.',
  401: 'The API token is missing, unknown, expired or revoked.',
  403: 'The API token lacks the scope.',
  404: 'There is no such thing in the team.',
  409: 'The change does not fit the present state; it has not taken effect.',
  412: 'If-Match names another revision.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  422: 'The values cannot be accepted; every problem is listed with its path.',
  429: 'The API token has sent too many requests.',
  500: 'A fault of this service; its logs know it by the request id.',
  503: 'It cannot be done right now; try again after the time in Retry-After.',
};

/** What every operation may answer, what every change and what every body. */
const codes = {
  always: [
    'bad_request',
    'unauthorized',
    'forbidden',
    'too_many_requests',
    'server_error',
    'overloaded',
    'unavailable',
    'region_unavailable',
  ],
  change: ['conflict', 'idempotency_mismatch', 'store_full', 'outcome_unknown'],
  body: ['invalid_body', 'request_too_large', 'unsupported_media_type'],
} as const satisfies Record<string, readonly ErrorCode[]>;

/** The codes that an operation may answer. */
function failuresOf({ method, path, query, dryRun, body, conditional, failures = [] }: Route): ErrorCode[] {
  return [
    ...codes.always,
    ...(method === 'get' ? [] : codes.change),
    ...(body ? codes.body : []),
    ...(query || dryRun || body ? (['unprocessable'] as const) : []),
    ...(path.includes('{') ? (['not_found'] as const) : []),
    ...(conditional ? (['version_mismatch'] as const) : []),
    ...failures,
  ];
}

/** The OpenAPI descriptions of what an operation answers when it does not succeed, by status. */
export function failureDocs(route: Route): RouteConfig['responses'] {
  const byStatus = Map.groupBy(failuresOf(route), (code) => errorTable[code].status);
  return Object.fromEntries(Array.from(byStatus, ([status, found]) => [status, failureDoc(status, found)]));
}

function failureDoc(status: number, found: readonly ErrorCode[]): RouteConfig['responses'][string] {
  const examples = (end: string) =>
    Object.fromEntries(found.map((code) => [code, { $ref: `#/components/examples/${code}${end}` }]));
  return {
    description: `${sentences[status]} ${found.map((code) => `\`${code}\``).join(', ')}`,
    headers: failureHeaders(status),
    content: {
      'application/json': { schema: errorReplySchema, examples: examples('') },
      'application/problem+json': { schema: problemReplySchema, examples: examples(asProblem) },
    },
  };
}

/** Behind a code: the example with the members of RFC 9457. */
const asProblem = '.problem';

/** Each code as clients are told it, in both forms, for `components.examples`. */
export function failureExamples(
  routes: readonly Route[],
): [name: string, example: { summary: string; value: unknown }][] {
  return [...new Set(routes.flatMap(failuresOf))].flatMap((code) => {
    const problems = code === 'unprocessable' ? [{ path: 'spec.name', message: 'is required (string)' }] : [];
    const rendered = renderError(new AppError(code, { problems }), 'f3f5a2a8-6d0c-4a0e-9a52-0f9d1d5c8b1e');
    const summary = errorTable[code].message;
    return [
      [code, { summary, value: rendered.body }],
      [`${code}${asProblem}`, { summary, value: problemOf(rendered) }],
    ];
  });
}
