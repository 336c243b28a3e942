/** The headers of replies, as the document describes each once. */
export const headerDocs = {
  'X-Request-Id': {
    description: 'Logs know the request by it. The client’s own `X-Request-Id` where it sent one.',
    required: true,
    schema: { type: 'string' },
    example: 'f3f5a2a8-6d0c-4a0e-9a52-0f9d1d5c8b1e',
  },
  'RateLimit-Limit': {
    description: 'Requests that the API token may send in an hour.',
    schema: { type: 'integer' },
    example: 5000,
  },
  'RateLimit-Remaining': {
    description: 'How many of them are left.',
    schema: { type: 'integer' },
    example: 4987,
  },
  'RateLimit-Reset': {
    description: 'When the oldest request stops counting, Unix seconds.',
    schema: { type: 'integer' },
    example: 1_795_694_400,
  },
  ETag: {
    description: 'The revision of the endpoint, for `If-Match`.',
    schema: { type: 'string' },
    example: '"3"',
  },
  'Preference-Applied': {
    description: 'What of `Prefer` was granted.',
    schema: { type: 'string' },
    example: 'wait=25',
  },
  'Retry-After': {
    description: 'Seconds after which the same request may succeed.',
    schema: { type: 'integer' },
    example: 1,
  },
  'WWW-Authenticate': {
    description: 'How to authenticate.',
    required: true,
    schema: { type: 'string' },
    example: 'Bearer',
  },
} as const;

type HeaderName = keyof typeof headerDocs;
type HeaderRefs = Record<string, { $ref: string }>;

const counted: readonly HeaderName[] = ['X-Request-Id', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];

/** Those of a success: with a revision, and of a change that can be waited for. */
export function successHeaders({ revised, waits }: { revised: boolean; waits: boolean }): HeaderRefs {
  return references([
    ...counted,
    ...(revised ? (['ETag'] as const) : []),
    ...(waits ? (['Preference-Applied'] as const) : []),
  ]);
}

/** Those of a failure; who is not known is not counted. */
export function failureHeaders(status: number): HeaderRefs {
  if (status === 401) return references(['X-Request-Id', 'WWW-Authenticate']);
  return references([...counted, ...(status === 429 || status === 503 ? (['Retry-After'] as const) : [])]);
}

function references(names: readonly HeaderName[]): HeaderRefs {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
