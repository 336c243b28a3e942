import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySplices } from '../../request/request-body.ts';
import { Scanner } from '../../scan/scanner.ts';
import { splices } from './request-body.ts';
import { chatCompletions } from './routes.ts';

function spliced(
  text: string,
  engineModel = 'm',
  { sizes = [], salt }: { sizes?: readonly number[]; salt?: string } = {},
): string {
  const scanner = new Scanner(chatCompletions.body);
  const bytes = Buffer.from(text);
  scanner.write(bytes);
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    if (at < bytes.length) pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return Buffer.concat(applySplices(pieces, splices(scan, engineModel, salt))).toString();
}

describe('the edits of a body', () => {
  it('leaves bodies alone that need none', () => {
    for (const text of [
      '{"model":"m","messages":[]}',
      ' {"model" : "m", "stream":false,"x":1.0e400}\n',
      '{"stream":true,"model":"m","stream_options": { "include_usage" : true }}',
    ])
      expect(spliced(text)).toBe(text);
  });

  it('asks a stream for its usage and changes no other byte', () => {
    expect(spliced('{"model":"m","stream":true, "x" :[1.50, "\\u00e9"] }\n')).toBe(
      '{"model":"m","stream":true, "x" :[1.50, "\\u00e9"] ,"stream_options":{"include_usage":true}}\n',
    );
    expect(spliced('{"stream_options": {"include_usage" :false,"a":1},"model":"m","stream":true}')).toBe(
      '{"stream_options": {"include_usage":true,"a":1},"model":"m","stream":true}',
    );
    expect(spliced('{"stream_options":null,"model":"m","stream":true}')).toBe(
      '{"stream_options":{"include_usage":true},"model":"m","stream":true}',
    );
  });

  it('gives the engine the name that it knows', () => {
    expect(spliced('{"model": "alias" ,"stream":true}', 'real/name')).toBe(
      '{"model": "real/name" ,"stream":true,"stream_options":{"include_usage":true}}',
    );
  });

  it('puts the router’s salt of the cache, or none, in the place of the client’s', () => {
    const body = '{"model":"m","cache_salt": "their own" ,"n":1}';
    expect(spliced(body)).toBe('{"model":"m","cache_salt": null ,"n":1}');
    expect(spliced(body, 'm', { salt: 's' })).toBe('{"model":"m","cache_salt": "s" ,"n":1}');
    expect(spliced('{"model":"m","n":1}', 'm', { salt: 's' })).toBe('{"model":"m","n":1,"cache_salt":"s"}');
    const both = JSON.parse(spliced('{"stream":true,"model":"a"}', 'm', { salt: 's' })) as object;
    expect(both).toEqual({ stream: true, model: 'm', stream_options: { include_usage: true }, cache_salt: 's' });
    for (const refused of ['{"cache_salt":"a","cache_salt":"b"}', '{"cache\\u005fsalt":"a"}'])
      expect(() => spliced(refused)).toThrow(/_key$/);
  });

  it('does the same however the body is cut', () => {
    const text = '{"model":"alias","stream":true,"stream_options":{"a":1},"messages":[{"role":"user","content":"é"}]}';
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (sizes) => {
        expect(spliced(text, 'real', { sizes })).toBe(spliced(text, 'real'));
      }),
    );
  });
});
