import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inputProblems, readJsonBody } from './read-input.ts';

const send = (
  body: string | Uint8Array<ArrayBuffer> | null,
  type: string | null = 'application/json',
): Promise<object> =>
  readJsonBody(
    new Request('http://a/', { method: 'POST', body, headers: type === null ? {} : { 'content-type': type } }),
    64,
  );

describe('a JSON body', () => {
  it('is an object in UTF-8', async () => {
    expect(await send('{"a":"ü"}')).toEqual({ a: 'ü' });
    expect(await send('\ufeff{"a":1}')).toEqual({ a: 1 });
    expect(await send('{}', 'Application/JSON; charset=utf-8')).toEqual({});
    expect(await send('{}', 'application/merge-patch+json')).toEqual({});
  });

  it.each([
    { what: 'another type', body: '{}', type: 'text/plain', code: 'unsupported_media_type' },
    { what: 'none', body: null, type: 'application/json', code: 'invalid_body' },
    { what: 'an empty one', body: '', type: 'application/json', code: 'invalid_body' },
    { what: 'a list', body: '[]', type: 'application/json', code: 'invalid_body' },
    { what: 'null', body: 'null', type: 'application/json', code: 'invalid_body' },
    { what: 'half of one', body: '{"a":', type: 'application/json', code: 'invalid_body' },
    { what: 'a large one', body: `{"a":"${'x'.repeat(64)}"}`, type: 'application/json', code: 'request_too_large' },
  ])('is not $what', async ({ body, type, code }) => {
    await expect(send(body, type)).rejects.toMatchObject({ name: 'AppError', code });
  });

  it('is not other bytes than UTF-8', async () => {
    await expect(send(Uint8Array.from([0x7b, 0xff, 0x7d]))).rejects.toMatchObject({ code: 'invalid_body' });
  });

  it('is measured as it comes, whatever Content-Length says', async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(16).fill(0x20)),
    });
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      body: endless,
      headers: { 'content-type': 'application/json' },
      duplex: 'half',
    };
    await expect(readJsonBody(new Request('http://a/', init), 64)).rejects.toMatchObject({ code: 'request_too_large' });
  });
});

const schema = z.strictObject({
  name: z.string(),
  list: z.array(z.strictObject({ n: z.int() })).optional(),
  either: z.union([z.literal('a'), z.strictObject({ deep: z.int(), other: z.int() })]).optional(),
});
const problems = (input: unknown): Record<string, string> => {
  const result = schema.safeParse(input);
  return Object.fromEntries(
    (result.error ? inputProblems(result.error) : []).map(({ path, message }) => [path, message]),
  );
};

describe('input problems', () => {
  it('have a path each, all at once', () => {
    expect(problems({ list: [{ n: 1.5, x: 1 }, 'y'], extra: 1, more: 2 })).toEqual({
      name: 'is required (string)',
      'list.0.n': expect.any(String),
      'list.0.x': 'is not known here; leave it out',
      'list.1': expect.any(String),
      extra: 'is not known here; leave it out',
      more: 'is not known here; leave it out',
    });
  });

  it('of a union are those of its nearest member', () => {
    expect(Object.keys(problems({ name: 'n', either: 'b' }))).toEqual(['either']);
  });

  it('of what fits are none', () => {
    expect(problems({ name: 'n', either: { deep: 1, other: 2 } })).toEqual({});
  });
});
