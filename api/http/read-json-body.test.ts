import { describe, expect, it } from 'vitest';
import { readJsonBody } from './read-json-body.ts';

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
    expect(await send('{}', 'Application/JSON; charset=utf-8')).toEqual({});
    expect(await send('{}', 'application/merge-patch+json')).toEqual({});
  });

  it.each([
    { what: 'another type', body: '{}', type: 'text/plain', kind: 'media_type' },
    { what: 'none', body: null, type: 'application/json', kind: 'not_json' },
    { what: 'an empty one', body: '', type: 'application/json', kind: 'not_json' },
    { what: 'a list', body: '[]', type: 'application/json', kind: 'not_json' },
    { what: 'null', body: 'null', type: 'application/json', kind: 'not_json' },
    { what: 'half of one', body: '{"a":', type: 'application/json', kind: 'not_json' },
    { what: 'a large one', body: `{"a":"${'x'.repeat(64)}"}`, type: 'application/json', kind: 'too_large' },
  ])('is not $what', async ({ body, type, kind }) => {
    await expect(send(body, type)).rejects.toMatchObject({ name: 'BodyError', kind });
  });

  it('is not other bytes than UTF-8', async () => {
    await expect(send(Uint8Array.from([0x7b, 0xff, 0x7d]))).rejects.toMatchObject({ kind: 'not_json' });
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
    await expect(readJsonBody(new Request('http://a/', init), 64)).rejects.toMatchObject({ kind: 'too_large' });
  });
});
