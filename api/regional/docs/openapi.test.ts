import { describe, expect, it } from 'vitest';
import { isRecord } from '#shared/runtime/is-record.ts';
import { readCreateOrder } from '../endpoints/create-order.ts';
import { apiRoutes } from '../routes/operations.ts';
import { readerOf } from '../testing/described.ts';
import { apiDocumentSchema, nameOf, operationsOf } from './api-document.ts';
import { openApiDocument } from './openapi.ts';

/** An operation, a parameter, a response, a header without its description does not parse. */
const document = apiDocumentSchema.parse(openApiDocument());
const operations = operationsOf(document);

/** Each body that the document describes, with its schema and its examples, and where it stands. */
const bodies = operations.flatMap(({ operationId, requestBody, responses }) =>
  [
    ['request', requestBody?.content ?? {}] as const,
    ...Object.entries(responses).map(([status, one]) => [status, one.content] as const),
  ].flatMap(([of, described]) =>
    Object.entries(described).map(([type, { schema, example, examples }]) => {
      const named = Object.values(examples).map(({ $ref }) => document.components.examples[nameOf($ref)]);
      const values = example === undefined ? named.map((one) => one?.value) : [example];
      return { at: `${operationId} ${of} ${type}`, schema, values };
    }),
  ),
);

/** Members without a description; those that name a schema have its. */
function undescribed(value: unknown, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => undescribed(item, `${at}.${index}`));
  if (!isRecord(value)) return [];
  const own = isRecord(value['properties']) ? Object.entries(value['properties']) : [];
  const bare = own.filter(([, member]) => isRecord(member) && !('description' in member) && !('$ref' in member));
  const deeper = Object.entries(value).flatMap(([name, member]) => undescribed(member, `${at}.${name}`));
  return [...bare.map(([name]) => `${at}.${name}`), ...deeper];
}

describe('openapi.json', () => {
  it('is what the schemas say (after a change on purpose: run this test with --update)', async () => {
    await expect(`${JSON.stringify(openApiDocument(), null, 2)}\n`).toMatchFileSnapshot('openapi.json');
  });

  it('has every operation with its scope', () => {
    expect(operations.map(({ operationId }) => operationId)).toEqual(apiRoutes.map(({ operationId }) => operationId));
    const found = operations.map(({ method, path, security: [{ bearer }] }) => [
      `${method} ${path.replace('/v2/dedicated-inferences', '')}`,
      bearer.join(),
    ]);
    expect(Object.fromEntries(found)).toEqual({
      'POST ': 'dedicated_inference:create',
      'GET ': 'dedicated_inference:read',
      'GET /sizes': 'dedicated_inference:read',
      'GET /gpu-model-config': 'dedicated_inference:read',
      'GET /sealing-key': 'dedicated_inference:read',
      'GET /{id}': 'dedicated_inference:read',
      'PATCH /{id}': 'dedicated_inference:update',
      'DELETE /{id}': 'dedicated_inference:delete',
      'GET /{id}/events': 'dedicated_inference:read',
      'GET /{id}/accelerators': 'dedicated_inference:read',
      'GET /{id}/accelerators/{accelerator_id}': 'dedicated_inference:read',
      'GET /{id}/ca': 'dedicated_inference:read',
      'GET /{id}/tokens': 'dedicated_inference_tokens:read',
      'POST /{id}/tokens': 'dedicated_inference_tokens:create',
      'POST /{id}/tokens/{token_id}/rotate': 'dedicated_inference_tokens:create,dedicated_inference_tokens:delete',
      'DELETE /{id}/tokens/{token_id}': 'dedicated_inference_tokens:delete',
      'GET /{id}/routing': 'dedicated_inference:read',
      'PUT /{id}/routing': 'dedicated_inference:update',
      'GET /{id}/engine': 'dedicated_inference:read',
      'PUT /{id}/engine': 'dedicated_inference:update',
      'DELETE /{id}/engine': 'dedicated_inference:update',
    });
  });

  it('says of every schema and of each of its members what it is', () => {
    const schemas = Object.entries(document.components.schemas);
    expect(schemas.filter(([, schema]) => !('description' in schema)).map(([name]) => name)).toEqual([]);
    expect(bodies.flatMap(({ at, schema }) => undescribed(schema, at))).toEqual([]);
    expect(schemas.flatMap(([name, schema]) => undescribed(schema, name))).toEqual([]);
  });

  it('has an example of every body, and each fits its schema', () => {
    expect(bodies.length).toBeGreaterThan(200);
    expect(bodies.filter(({ values }) => values.length === 0).map(({ at }) => at)).toEqual([]);
    const unfit = bodies.flatMap(({ at, schema, values }) => {
      const reader = readerOf(schema);
      return values.flatMap(
        (value) =>
          reader.safeParse(value).error?.issues.map(({ path, message }) => `${at}: ${path.join('.')}: ${message}`) ??
          [],
      );
    });
    expect(unfit).toEqual([]);
  });

  it('has examples of requests that are accepted as they are', () => {
    const requests = operations.flatMap(({ operationId, requestBody }) => {
      const example = requestBody?.content['application/json']?.example;
      return requestBody === undefined ? [] : [{ operationId, example }];
    });
    expect(requests.length).toBeGreaterThan(3);
    for (const { operationId, example } of requests)
      expect(
        apiRoutes.find((route) => route.operationId === operationId)?.body?.safeParse(example).error,
      ).toBeUndefined();
    const create = requests.find(({ operationId }) => operationId === 'dedicatedInferences_create');
    expect(readCreateOrder(create?.example, 'atl1')).toMatchObject({ name: 'coding-assistant' });
  });

  it('has a success and the failures of its kind for every operation, with described headers', () => {
    for (const { operationId, parameters, requestBody, responses } of operations) {
      const statuses = Object.keys(responses);
      const successes = parameters.some(({ name }) => name === 'dry_run') ? 2 : 1;
      expect(statuses.filter((status) => status.startsWith('2'))).toHaveLength(successes);
      const ids = parameters.some((one) => one.in === 'path') ? ['404'] : [];
      const query = parameters.some((one) => one.in === 'query') ? ['422'] : [];
      const body = requestBody === undefined ? [] : ['400', '413', '415', '422'];
      const conditional = parameters.some(({ name }) => name === 'If-Match') ? ['412'] : [];
      expect(statuses).toEqual(
        expect.arrayContaining(['401', '403', '429', '500', '503', ...ids, ...query, ...body, ...conditional]),
      );
      for (const [status, { headers }] of Object.entries(responses)) {
        const known = Object.keys(headers).filter((name) => name in document.components.headers);
        expect(known, `${operationId} ${status}`).toEqual(Object.keys(headers));
        expect(known).toContain('X-Request-Id');
        expect(known.includes('RateLimit-Remaining')).toBe(status !== '401');
      }
    }
  });

  it.each([
    ['a member', undescribed({ properties: { a: { type: 'string' } } }, 'S')],
    ['a member of an item', undescribed({ items: { properties: { a: {} } } }, 'S')],
  ])('would see %s that is not described', (_what, found) => {
    expect(found).toHaveLength(1);
  });

  it('would see a member of an example that no schema names, and one that is missing', () => {
    const reader = readerOf({ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] });
    expect([{ a: 'x' }, { a: 'x', b: 1 }, {}].map((value) => reader.safeParse(value).success)).toEqual([
      true,
      false,
      false,
    ]);
  });
});
