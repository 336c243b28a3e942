import { describe, expect, test } from 'vitest';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { messages } from '../dialects/anthropic/routes.ts';
import type { BodyRules } from './body-rules.ts';
import { mediumBytes } from './block-chain.ts';
import { prefixHashes, type PromptKeys } from './prefix-hash.ts';
import type { ScannedSpan } from './scanned-body.ts';
import { Scanner } from './scanner.ts';

function spanOf(body: object, { pieceBytes = 65_536, rules = chatCompletions.body } = {}): ScannedSpan {
  const [span] = scan(body, rules, pieceBytes).spans;
  if (span === undefined) throw new Error('no span');
  return span;
}

function scan(body: object, rules: BodyRules, pieceBytes = 65_536) {
  const scanner = new Scanner(rules);
  const bytes = Buffer.from(JSON.stringify(body));
  for (let at = 0; at < bytes.length; at += pieceBytes) scanner.write(bytes.subarray(at, at + pieceBytes));
  const result = scanner.end();
  if (!result.ok) throw new Error(result.code);
  return result;
}

function base64(bytes: number, seed = 1): string {
  const random = seededRandom(seed);
  return Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256))).toString('base64');
}

const picture = base64(300_000);
const parts = (media: object[], words = 'what is it?') => ({
  messages: [{ role: 'user', content: [...media, { type: 'text', text: words }] }],
});
const inUrl = (data: string) => ({ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } });

describe('base64', () => {
  test.each([
    ['a picture of OpenAI’s API', inUrl(picture)],
    ['a picture of Anthropic’s', { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }],
    ['a sound', { type: 'input_audio', input_audio: { format: 'wav', data: picture } }],
    ['a file', { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${picture}` } }],
    ['a picture with its slashes escaped', JSON.parse(`{"data":${JSON.stringify(picture.replaceAll('/', '\\/'))}}`)],
  ])('is %s: hashed, and neither cut nor counted', (_, medium) => {
    const span = spanOf(parts([medium]));
    expect(span.media).toEqual([1]);
    expect(span.ends.at(-1)).toBeLessThan(600);
    expect(span.firstUserEnd).toBe(0);
  });

  test('counts each medium, and what follows one depends on all of its bytes', () => {
    const text = 'why? '.repeat(500);
    const [one, same, other] = [picture, picture, `${picture.slice(0, -1)}A`].map((data) =>
      spanOf(parts([inUrl(picture), inUrl(data)], text)),
    );
    expect(one?.media.at(-1)).toBe(2);
    expect(one?.hashes).toEqual(same?.hashes);
    // The first block ends before the last byte of the second picture.
    expect(one?.hashes.filter((hash) => other?.hashes.includes(hash)).length).toBeLessThanOrEqual(1);
  });

  test('is the same wherever it is cut', () => {
    const body = parts([inUrl(base64(4000)), { a: base64(192 + 3072), b: base64(189 + 3072), c: base64(500) }]);
    const whole = spanOf(body);
    expect(whole.media.at(-1)).toBe(2);
    for (const pieceBytes of [1, 2, 3, 7, 64, 255, 256, 257, 300]) expect(spanOf(body, { pieceBytes })).toEqual(whole);
  });

  test.each([
    ['prose', 'The quick brown fox. '.repeat(40)],
    ['a ruler', '-'.repeat(900)],
    ['one letter', 'x'.repeat(900)],
    ['a hexadecimal number', Buffer.from(picture).toString('hex').slice(0, 900)],
    ['no language with spaces', '你好世界'.repeat(100)],
    ['the begin of a text', `${picture.slice(0, 250)} and so on, ${'word '.repeat(100)}`],
    ['one that is shorter than what it would weigh', base64(1500)],
  ])('is not %s', (_, text) => {
    const span = spanOf({ messages: [{ role: 'user', content: text }] });
    expect(span.media.at(-1)).toBe(0);
    expect(span.ends.at(-1)).toBe(Buffer.byteLength(`{"role":"user","content":"${text}"}`));
  });
});

test('the prompt says which of its bytes are tools, system prompt and messages, and where its media are', () => {
  const tools = [{ name: 'read', description: 'r'.repeat(3000) }];
  const system = [{ type: 'text', text: 's'.repeat(1500) }];
  const body = { ...parts([inUrl(picture)]), tools, system };
  const keys: PromptKeys = prefixHashes(scan(body, messages.body), { cacheNamespace: 'n', model: 'm' });
  const [toolsBytes, systemBytes] = [JSON.stringify(tools).length - 2, JSON.stringify(system).length - 2];
  expect(keys).toMatchObject({ toolsBytes, systemBytes });
  expect([...(keys.mediaUpTo ?? [])]).toEqual([0, 0, 0, 1]);
  expect(keys.bytesUpTo[2]).toBe(toolsBytes + systemBytes);
  expect((keys.bytesUpTo[3] ?? 0) - (keys.bytesUpTo[2] ?? 0) - mediumBytes).toBeLessThan(400);
});
