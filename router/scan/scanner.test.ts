import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chatCompletions, completions } from '../dialects/openai/routes.ts';
import { defaultScanLimits, type BodyRules, type ScanLimits } from './body-rules.ts';
import type { ScannedBody, ScanProblem } from './scanned-body.ts';
import { Scanner } from './scanner.ts';

const smallBlocks: ScanLimits = { ...defaultScanLimits, blockBytes: 16 };

function scan(
  body: string | Uint8Array,
  rules: BodyRules = chatCompletions.body,
  limits = smallBlocks,
): ScannedBody | ScanProblem {
  const scanner = new Scanner(rules, limits);
  scanner.write(Buffer.from(body));
  return scanner.end();
}

function scanned(body: unknown, rules: BodyRules = chatCompletions.body, limits = smallBlocks): ScannedBody {
  const result = scan(typeof body === 'string' ? body : JSON.stringify(body), rules, limits);
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result;
}

const hashes = (body: unknown, key = 'messages'): BigUint64Array =>
  scanned(body).spans.find((span) => span.key === key)?.hashes ?? new BigUint64Array();

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });

describe('fields', () => {
  test('finds every member that routing reads, in any order and spacing', () => {
    const body = {
      messages: [user('hi')],
      user: 'ann',
      n: 2,
      max_tokens: 5,
      max_completion_tokens: 7,
      stream_options: { x: [1], include_usage: true },
      stream: true,
      model: 'm/é😀',
    };
    for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2)]) {
      expect(scanned(text)).toMatchObject({
        model: 'm/é😀',
        stream: true,
        maxTokens: 7,
        choices: 2,
      });
      expect(scanned(text).fields.get('stream_options')?.json).toBe('{"x":[1],"include_usage":true}');
    }
  });

  test('leaves out what is absent or null', () => {
    const result = scanned({
      model: 'm',
      stream: null,
      max_tokens: null,
      stream_options: null,
      user: null,
      tools: null,
    });
    expect(result).not.toHaveProperty('stream');
    expect(result).not.toHaveProperty('maxTokens');
    expect(result.spans).toEqual([]);
  });

  test('tells where splices go', () => {
    const body = ' {"stream_options": {"a":1} , "model":"m"} ';
    const { object, members, fields } = scanned(body);
    const cut = (range: { start: number; end: number } | undefined) => body.slice(range?.start, range?.end);
    expect(cut(object)).toBe(body.trim());
    expect(cut(fields.get('stream_options'))).toBe('{"a":1}');
    expect(cut(fields.get('model'))).toBe('"m"');
    expect(members).toBe(2);
    expect(scanned('{}')).toMatchObject({ object: { start: 0, end: 2 }, members: 0 });
  });

  test('asks for no bound of the output with -1, and passes over one byte order mark however it is cut', () => {
    expect(scanned({ model: 'm', max_tokens: -1 })).toMatchObject({ maxTokens: Infinity });
    const bytes = Buffer.from('\ufeff{"model":"m"}');
    const scanner = new Scanner(chatCompletions.body);
    for (const byte of bytes) scanner.write(Buffer.of(byte));
    for (const result of [scan(bytes), scanner.end()])
      expect(result).toMatchObject({ ok: true, model: 'm', object: { start: 3, end: 16 }, bytes: 16 });
  });

  test('takes the greatest of what several members say, in any order', () => {
    const both = { max_tokens: 9, max_completion_tokens: 5, best_of: 7, n_cmpl: 2 };
    for (const entries of [Object.entries(both), Object.entries(both).toReversed()])
      expect(scanned(Object.fromEntries(entries), completions.body)).toMatchObject({ maxTokens: 9, candidates: 7 });
  });

  test('ignores members of the same names deeper down and unknown ones above', () => {
    expect(scanned({ metadata: { model: 'x', stream: true }, model: 'm', 'm\\odel': 1 })).toMatchObject({ model: 'm' });
  });
});

describe('problems', () => {
  test.each([
    ['', 'invalid_json'],
    ['   ', 'invalid_json'],
    ['nonsense', 'not_an_object'],
    ['[]', 'not_an_object'],
    ['"x"', 'not_an_object'],
    ['12', 'not_an_object'],
    ['\ufeff', 'invalid_json'],
    ['\ufeff\ufeff{}', 'invalid_json'],
    ['{}\ufeff', 'invalid_json'],
    ['{', 'invalid_json'],
    ['{"model":"m"', 'invalid_json'],
    ['{"model":"m}', 'invalid_json'],
    ['{"model":"m"}}', 'invalid_json'],
    ['{"model":"m"} x', 'invalid_json'],
    ['{"model":"m",}', 'invalid_json'],
    ['{"model" "m"}', 'invalid_json'],
    ['{"model":}', 'invalid_json'],
    ['{model:"m"}', 'invalid_json'],
    ['{"messages":[}', 'invalid_json'],
    ['{"messages":[{]}', 'invalid_json'],
    ['{"messages":[1 2]}', 'invalid_json'],
    ['{"messages":[1,]}', 'invalid_json'],
    ['{"messages":["a\nb"]}', 'invalid_json'],
    ['{"model":"a","model":"b"}', 'duplicate_key'],
    ['{"messages":[],"x":1,"messages":[]}', 'duplicate_key'],
    ['{"mod\\u0065l":"b"}', 'escaped_key'],
    ['{"\\u006dessages":[]}', 'escaped_key'],
    ['{"model":1}', 'wrong_type'],
    ['{"stream":"true"}', 'wrong_type'],
    ['{"max_tokens":"16"}', 'wrong_type'],
    ['{"max_tokens":-2}', 'out_of_range'],
    ['{"max_tokens":1.5}', 'out_of_range'],
    ['{"max_tokens":1e30}', 'out_of_range'],
    ['{"max_tokens":tru}', 'wrong_type'],
    ['{"n":0}', 'out_of_range'],
    ['{"n":"1"}', 'wrong_type'],
    ['{"stream_options":[]}', 'wrong_type'],
    ['{"stream_options":{"include_usage":"yes"}}', 'wrong_type'],
    [`{"model":"${'x'.repeat(5000)}"}`, 'wrong_type'],
    [`{"x":${'['.repeat(300)}`, 'too_deep'],
  ])('%s is %s', (body, code) => {
    expect(scan(body)).toMatchObject({ ok: false, code });
  });

  test('are known before the body ends, with place and key', () => {
    const scanner = new Scanner(chatCompletions.body);
    scanner.write(Buffer.from('{"model":"a","model":'));
    expect(scanner.problem).toBeUndefined();
    scanner.write(Buffer.from('"b","messages":['));
    expect(scanner.problem).toEqual({ ok: false, code: 'duplicate_key', at: 21, key: 'model' });
    expect(scanner.end()).toBe(scanner.problem);
  });

  test('an escaped key that decodes to no routing key is nobody’s business', () => {
    expect(scan('{"mod\\u0065":1,"\\x":2,"model":"m"}')).toMatchObject({ ok: true, model: 'm' });
  });
});

describe('spans', () => {
  test('a longer conversation keeps the blocks of a shorter one', () => {
    const turn1 = [{ role: 'system', content: 'You help with code, briefly.' }, user('What is a monad? '.repeat(5))];
    const turn2 = [...turn1, assistant('A monoid in the category of endofunctors.'), user('Ah.')];
    const short = hashes({ messages: turn1 });
    const long = hashes({ messages: turn2 });
    expect(long.length).toBeGreaterThan(short.length);
    expect(long.slice(0, short.length)).toEqual(short);
  });

  test('a change in a message changes its blocks and all later ones, none before', () => {
    const before = hashes({ messages: [user('same'), user('left'), user('end')] });
    const after = hashes({ messages: [user('same'), user('lefd'), user('end')] });
    const firstChange = before.findIndex((hash, i) => hash !== after[i]);
    expect(firstChange).toBeGreaterThan(0);
    expect(before.slice(firstChange).some((hash) => after.includes(hash))).toBe(false);
  });

  test('volatile members leave no trace, wherever they stand', () => {
    const plain = hashes({ messages: [user([{ type: 'text', text: 'hi' }]), { a: {} }] });
    const marks = { cache_control: { type: 'ephemeral', deep: [{ cache_control: 1 }] } };
    const first = [user([{ ...marks, type: 'text', text: 'hi' }]), { a: marks }];
    const middle = [user([{ type: 'text', ...marks, text: 'hi' }]), { ...marks, a: {} }];
    const last = [
      { ...user([{ type: 'text', text: 'hi', ...marks }]), cache_control: null },
      { a: {}, cache_control: '' },
    ];
    for (const messages of [first, middle, last]) expect(hashes({ messages })).toEqual(plain);
  });

  test('a text that only looks like a volatile member counts', () => {
    expect(hashes({ messages: [user('"cache_control":1')] })).not.toEqual(hashes({ messages: [user('')] }));
  });

  test('white space between tokens does not count, inside strings it does', () => {
    const body = { messages: [user('a b'), { role: 'tool', content: [1, true, null, { x: -1.5e3 }] }] };
    const { messages } = body;
    const pretty = scanned(JSON.stringify({ messages }, null, 3));
    expect(pretty.spans[0]?.hashes).toEqual(hashes({ messages }));
    expect(hashes({ messages: [user('ab')] })).not.toEqual(hashes({ messages: [user('a b')] }));
  });

  test('blocks are cut inside long texts and at every message end', () => {
    const span = scanned({ messages: [user('x'.repeat(40)), user('y')] }).spans[0];
    // {"role":"user","content":"…"} is 28 bytes and the text.
    expect(span?.ends).toEqual([16, 32, 48, 64, 68, 84, 97]);
    expect(span?.messageEnds).toEqual([false, false, false, false, true, false, true]);
    expect(span?.firstUserEnd).toBe(4);
  });

  test.each([
    ['role first', [{ role: 'system', content: 'be nice' }, { role: 'user', content: 'hello' }, user('more')], 1],
    ['role last', [{ content: 'be nice', role: 'system' }, { content: 'hello', role: 'user' }, user('more')], 1],
    ['role inside content only', [{ role: 'system', content: [{ role: 'user' }] }, user('x')], 1],
    ['role not a string', [{ role: ['user'], content: 'user' }, user('x')], 1],
    ['no user', [{ role: 'system', content: 'be nice' }], -1],
    ['bare texts', ['one', 'two'], 0],
    ['token ids', [[1, 2, 3]], 0],
    ['no message', [], undefined],
  ])('the first user message is found: %s', (_, messages, index) => {
    const span = scanned({ messages }, chatCompletions.body, defaultScanLimits).spans[0];
    expect(span?.firstUserEnd).toBe(index);
  });

  test('a prompt is text or token ids', () => {
    const text = scanned({ prompt: 'x'.repeat(40) }, completions.body).spans[0];
    expect(text).toMatchObject({ ends: [16, 32, 40], firstUserEnd: 2 });
    const ids = scanned({ prompt: [11, 22, 33, 44, 55, 66] }, completions.body).spans[0];
    expect(ids).toMatchObject({ ends: [16, 17], firstUserEnd: 1 });
    expect(scanned({ prompt: '' }, completions.body).spans).toEqual([]);
  });

  test('a chain that is full ignores the rest', () => {
    const limits = { ...smallBlocks, maxBlocks: 3 };
    const span = scanned({ messages: [user('x'.repeat(400)), user('y')] }, chatCompletions.body, limits).spans[0];
    expect(span).toMatchObject({ ends: [16, 32, 48], firstUserEnd: -1 });
  });
});

describe('properties', () => {
  const jsonText = fc.oneof(
    fc.json({ maxDepth: 5 }),
    fc.json({ maxDepth: 5 }).map((text) => JSON.stringify(JSON.parse(text), null, 1)),
  );
  const message = fc.oneof(
    fc.record({ role: fc.constantFrom('user', 'system', 'assistant'), content: fc.string({ unit: 'binary' }) }),
    fc.record({ content: fc.array(fc.dictionary(fc.constantFrom('cache_control', 'text', 'k"e\\y'), fc.jsonValue())) }),
    fc.jsonValue(),
  );
  const body = fc
    .record(
      {
        model: fc.string({ unit: 'grapheme' }),
        stream: fc.boolean(),
        max_tokens: fc.nat(),
        user: fc.string({ unit: 'binary', maxLength: 50 }),
        stream_options: fc.record({ include_usage: fc.boolean() }, { requiredKeys: [] }),
        messages: fc.array(message),
        tools: fc.array(fc.jsonValue()),
        extra: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .chain((value) => fc.shuffledSubarray(Object.entries(value), { minLength: Object.keys(value).length }))
    .chain((entries) => fc.constantFrom(0, 2).map((space) => JSON.stringify(Object.fromEntries(entries), null, space)));

  test('where the chunks are cut makes no difference', () => {
    const anyText = fc.oneof({ weight: 4, arbitrary: body }, jsonText, fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(
        anyText,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
        (text, sizes) => {
          const bytes = Buffer.from(text);
          const scanner = new Scanner(chatCompletions.body, smallBlocks);
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            scanner.write(bytes.subarray(at, at + size));
            at += size;
          }
          expect(scanner.end()).toEqual(scan(bytes));
        },
      ),
      { numRuns: 600 },
    );
  });

  test('finds what JSON.parse finds', () => {
    fc.assert(
      fc.property(body, (text) => {
        const parsed = JSON.parse(text);
        const result = scanned(text);
        expect(result.model).toBe(parsed.model);
        expect(result.stream).toBe(parsed.stream);
        expect(result.maxTokens).toBe(parsed.max_tokens);
        expect(result.fields.has('stream_options')).toBe(parsed.stream_options !== undefined);
        expect(result.members).toBe(Object.keys(parsed).length);
      }),
      { numRuns: 400 },
    );
  });

  test('accepts every object that JSON.parse accepts, and no text that lacks or has a bracket, comma or quote more', () => {
    fc.assert(
      fc.property(body, fc.nat(), fc.constantFrom('', ',', '"', '}', '{', ']', ':'), (text, place, insert) => {
        const at = place % (text.length + 1);
        const broken = text.slice(0, at) + insert + text.slice(insert === '' ? at + 1 : at);
        const parses = attempt(() => JSON.parse(broken));
        const result = scan(broken, chatCompletions.body);
        const isObject = parses.ok && typeof parses.value === 'object' && parses.value !== null;
        if (isObject) expect(result.ok || result.code !== 'invalid_json').toBe(true);
        // Only the inside of literals, numbers and escapes may be broken unseen.
        else if (!/\\|true|false|null|\d/.test(text)) expect(result.ok).toBe(false);
      }),
      { numRuns: 800 },
    );
  });

  test('equal prompts have equal chains, whatever the spacing and the order of the members', () => {
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.jsonValue()), (messages, tools) => {
        const one = scanned(JSON.stringify({ model: 'm', messages, tools }));
        const other = scanned(JSON.stringify({ tools, stream: true, messages }, null, 2));
        expect(other.spans).toEqual(one.spans);
      }),
    );
  });
});

function attempt(act: () => unknown): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: act() };
  } catch {
    return { ok: false };
  }
}
