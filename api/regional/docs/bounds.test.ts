import { expect, it } from 'vitest';
import { apiDocumentSchema, nameOf, operationsOf, type ShownSchema } from './api-document.ts';
import { openApiDocument } from './openapi.ts';

const document = apiDocumentSchema.parse(openApiDocument());

/** Forms of text that are of no great length by themselves. */
const shortFormats = new Set(['date-time', 'ipv4-cidr', 'ipv6-cidr']);

/** What of a schema a client may make as large as it likes, with its place; integers end where they are no longer exact. */
function unbounded(schema: ShownSchema, at: string): string[] {
  const { $ref: ref, type, format = '', pattern = '*', items, anyOf = [], properties = {} } = schema;
  if (ref !== undefined) {
    const named = document.components.schemas[nameOf(ref)];
    return named === undefined ? [`${at}: ${ref}`] : unbounded(named, at);
  }
  const isShort = shortFormats.has(format) || !/(?<!\\)[*+]|,\}/.test(pattern);
  const ends: Record<string, boolean> = {
    string: schema.maxLength !== undefined || schema.enum !== undefined || isShort,
    number: schema.maximum !== undefined,
    array: schema.maxItems !== undefined,
  };
  return [
    ...[type].flat().flatMap((one) => (one !== undefined && ends[one] === false ? [`${at}: ${one}`] : [])),
    ...Object.entries(properties).flatMap(([name, member]) => unbounded(member, `${at}.${name}`)),
    ...(items === undefined ? [] : unbounded(items, `${at}.*`)),
    ...anyOf.flatMap((one) => unbounded(one, at)),
  ];
}

it('everything in a request has an end of its own, beside that of the whole body; headers have that of the head', () => {
  const requests = operationsOf(document).flatMap(({ operationId, parameters, requestBody }) => [
    ...parameters.filter((one) => one.in !== 'header').map((one) => ({ at: `${operationId} ${one.name}`, ...one })),
    ...Object.values(requestBody?.content ?? {}).map((one) => ({ at: operationId, ...one })),
  ]);
  expect(requests.length).toBeGreaterThan(20);
  expect(requests.flatMap(({ at, schema }) => unbounded(schema, at))).toEqual([]);
  expect(unbounded({ type: 'array', required: [], items: { type: 'string', required: [] } }, 'a')).toHaveLength(2);
});
