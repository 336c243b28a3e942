import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { applySplices } from '../request/request-body.ts';
import type { BodyRules } from './body-rules.ts';
import type { ScannedBody } from './scanned-body.ts';
import { Scanner } from './scanner.ts';

const rules: BodyRules = {
  ...chatCompletions.body,
  spans: [
    { key: 'system', kind: 'system' },
    { key: 'messages', kind: 'messages' },
  ],
  volatileTexts: ['x-anthropic-billing-header:'],
};

function scanned(text: string): ScannedBody {
  const scanner = new Scanner(rules);
  scanner.write(Buffer.from(text));
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  return scan;
}

/** The body without its volatile elements. */
function stripped(text: string): string {
  const cuts = scanned(text).volatile.map((range) => ({ ...range, bytes: Buffer.alloc(0) }));
  return Buffer.concat(applySplices([Buffer.from(text)], cuts)).toString();
}

const text = (words: string): object => ({ type: 'text', text: words });
const billing = (cch: string): object => text(`x-anthropic-billing-header: cc_version=2.1.36; cch=${cch};`);
const kind = text('You are kind.');
const hashesOf = (value: object): unknown => scanned(JSON.stringify(value)).spans.map(({ hashes }) => hashes);

describe('an element of the system prompt that begins with a volatile text', () => {
  test('does not count, and can be cut out with one comma', () => {
    const plain = hashesOf({ system: [kind] });
    for (const system of [
      [billing('1'), kind],
      [kind, billing('2')],
      [{ cache_control: {}, ...billing('3') }, kind],
    ]) {
      expect(hashesOf({ system })).toEqual(plain);
      expect(stripped(JSON.stringify({ model: 'é', system, n: 1 }))).toBe(
        JSON.stringify({ model: 'é', system: [kind], n: 1 }),
      );
    }
    expect(stripped(JSON.stringify({ system: [billing('4')] }))).toBe('{"system":[]}');
    expect(stripped('{"system": [ {"text":"x-anthropic-billing-header: x"} , 1 ]}')).toBe('{"system": [ 1 ]}');
  });

  test.each([
    ['said in the middle of a text', { system: [text('the x-anthropic-billing-header: of'), kind] }],
    ['quoted in a text', { system: [text('":"x-anthropic-billing-header: 1"'), kind] }],
    ['in a message', { messages: [{ role: 'user', ...billing('1') }] }],
    ['in the text of a message', { messages: [{ role: 'user', content: [billing('1')] }] }],
    ['in an element of more than a block', { system: [{ ...billing('1'), more: 'x'.repeat(2000) }, kind] }],
    ['in a system prompt that is no list', { system: billing('1') }],
  ])('is not taken for one when it stands %s', (_, body) => {
    const plain = JSON.stringify(body);
    expect(stripped(plain)).toBe(plain);
    expect(hashesOf(body)).not.toEqual(hashesOf(JSON.parse(plain.replaceAll('header: ', 'header: other')) as object));
  });

  test('leaves the list without it, whatever stands around it', () => {
    const element = fc.oneof(
      fc.string().map(billing),
      fc.string({ unit: 'binary' }).map(text),
      fc.jsonValue({ maxDepth: 2 }),
      fc.integer(),
    );
    fc.assert(
      fc.property(fc.array(element, { maxLength: 8 }), fc.constantFrom(0, 2), (system, space) => {
        const body = JSON.stringify({ n: 1, system, model: 'm' }, null, space);
        const rest = system.filter((one) => !JSON.stringify(one).includes(':"x-anthropic-billing-header:'));
        expect(JSON.parse(stripped(body))).toEqual(JSON.parse(JSON.stringify({ n: 1, system: rest, model: 'm' })));
      }),
      { numRuns: 500 },
    );
  });
});
