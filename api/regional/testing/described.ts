import { z } from 'zod';
import { isRecord } from '#shared/runtime/is-record.ts';
import { apiDocumentSchema, nameOf, operationsOf, type ShownOperation } from '../docs/api-document.ts';
import { openApiDocument } from '../docs/openapi.ts';

const document = apiDocumentSchema.parse(openApiDocument());
/** In the order of the document, in which `/sizes` comes before `/{id}`. */
const operations = operationsOf(document).map((operation) => ({
  operation,
  form: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));
const readers = new Map<object, z.ZodType>();

/** A schema of the document as a reader; members that it does not name are not let through. */
export function readerOf(schema: object): z.ZodType {
  const known = readers.get(schema);
  if (known !== undefined) return known;
  const whole = JSON.stringify({ ...schema, $defs: document.components.schemas });
  const closed: unknown = JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/'), (_name, value: unknown) =>
    isRecord(value) && value['type'] === 'object' && 'properties' in value && !('additionalProperties' in value)
      ? { ...value, additionalProperties: false }
      : value,
  );
  const reader = z.fromJSONSchema(z.record(z.string(), z.unknown()).parse(closed));
  readers.set(schema, reader);
  return reader;
}

/** What an API answered. */
interface GivenReply {
  status: number;
  headers: Headers;
  text: string;
}

/** How an answer differs from what the document says of it; null when it does not, or when no operation was called. */
export function undescribedReply(method: string, url: string, reply: GivenReply): string | null {
  const { pathname } = new URL(url);
  const path = operations.find(({ form }) => form.test(pathname))?.operation.path;
  const called = operations.find(({ operation }) => operation.method === method && operation.path === path);
  if (called === undefined) return null;
  const problem = problemOf(called.operation, reply);
  return problem === null
    ? null
    : `${method} ${pathname} answered ${reply.status}: ${problem}: ${reply.text.slice(0, 500)}`;
}

function problemOf({ responses }: ShownOperation, { status, headers, text }: GivenReply): string | null {
  const response = responses[status];
  if (response === undefined) return 'the document has no such status for it';
  const missing = Object.keys(response.headers).find(
    (name) => document.components.headers[name]?.required && !headers.has(name),
  );
  if (missing !== undefined) return `${missing} is missing`;
  const silent = Object.keys(document.components.headers).find(
    (name) => headers.has(name) && !(name in response.headers),
  );
  if (silent !== undefined) return `the document does not say that ${silent} comes along`;
  if (text === '') return Object.keys(response.content).length === 0 ? null : 'a body is missing';
  const content = response.content[headers.get('content-type') ?? ''];
  if (content === undefined) return `the document has no body of type ${headers.get('content-type')} for it`;
  const body: unknown = JSON.parse(text);
  const { error } = readerOf(content.schema).safeParse(body);
  if (error !== undefined) return z.prettifyError(error);
  if (status < 400) return null;
  const codes = Object.values(content.examples).map(({ $ref }) => nameOf($ref).split('.')[0]);
  return isRecord(body) && codes.includes(String(body['id'])) ? null : 'the document does not name this code';
}
