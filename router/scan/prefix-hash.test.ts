import { describe, expect, test } from 'vitest';
import { prefixHashes } from './prefix-hash.ts';
import type { PromptKeys, PromptSalt } from './prefix-hash.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { defaultScanLimits, type BodyRules } from './body-rules.ts';
import { Scanner } from './scanner.ts';

const salt: PromptSalt = { cacheNamespace: 'endpoint-1', model: 'm' };
const rules: BodyRules = {
  ...chatCompletions.body,
  spans: [
    ...chatCompletions.body.spans.slice(0, -1),
    { key: 'system', kind: 'system' },
    { key: 'messages', kind: 'messages' },
  ],
};

function keysOf(body: object, over: Partial<PromptSalt> = {}): PromptKeys {
  const scanner = new Scanner(rules, { ...defaultScanLimits, blockBytes: 32 });
  scanner.write(Buffer.from(JSON.stringify(body)));
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  return prefixHashes(scan, { ...salt, ...over });
}

const tools = [{ name: 'read' }, { name: 'write' }];
const system = 'You are a coding assistant with a long system prompt.';
const messages = [
  { role: 'user', content: 'one' },
  { role: 'assistant', content: 'two' },
];

describe('prefixHashes', () => {
  test('puts tools, system and messages in prompt order, whatever their order in the body', () => {
    const keys = keysOf({ messages, system, tools });
    expect(keysOf({ tools, system, messages })).toEqual(keys);
    // One block for the tools, two for the system text, one and two for the messages.
    expect([...keys.bytesUpTo]).toEqual([31, 63, 84, 115, 147, 151]);
    expect(keys.firstUserEnd).toBe(3);
    expect(new Set(keys.keys).size).toBe(6);
  });

  test('keeps the keys of a prefix', () => {
    const short = keysOf({ tools, system, messages: messages.slice(0, 1) });
    const long = keysOf({ tools, system, messages });
    expect(long.keys.slice(0, short.keys.length)).toEqual(short.keys);
    expect(long.firstUserEnd).toBe(short.firstUserEnd);
  });

  test.each([
    ['cache namespace', keysOf({ tools, system, messages }, { cacheNamespace: 'endpoint-2' })],
    ['model', keysOf({ tools, system, messages }, { model: 'n' })],
    ['adapter', keysOf({ tools, system, messages }, { adapter: 'a' })],
    ['template arguments', keysOf({ tools, system, messages, chat_template_kwargs: { thinking: true } })],
    ['tools', keysOf({ tools: tools.slice(1), system, messages })],
    ['functions instead of tools', keysOf({ functions: tools, system, messages })],
  ])('another %s shares no key', (_, other) => {
    const own = new Set(keysOf({ tools, system, messages }).keys);
    expect([...other.keys].filter((key) => own.has(key))).toEqual([]);
  });

  test('another system prompt shares the tools only', () => {
    const own = keysOf({ tools, system, messages }).keys;
    const other = keysOf({ tools, system: 'Another.', messages }).keys;
    expect([...other].filter((key) => own.includes(key))).toEqual([own[0]]);
  });

  test('what goes on from another prompt is its messages, and shares keys with nothing else', () => {
    const alone = keysOf({ tools, system, messages });
    const next = keysOf({ tools, system, messages }, { after: 7n });
    expect([...next.bytesUpTo]).toEqual([31, 63, 67]);
    expect([next.after, next.firstUserEnd, alone.after]).toEqual([7n, 0, undefined]);
    const others = [alone, keysOf({ messages }, { after: 7n }), keysOf({ tools, system, messages }, { after: 8n })];
    const taken = new Set(others.flatMap(({ keys }) => [...keys]));
    expect([...next.keys].filter((key) => taken.has(key))).toEqual([]);
  });

  test('an empty prompt has no keys', () => {
    expect(keysOf({})).toMatchObject({ keys: new BigUint64Array(), bytesUpTo: new Float64Array(), firstUserEnd: -1 });
  });
});
