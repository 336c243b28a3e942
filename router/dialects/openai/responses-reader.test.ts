import { describe, expect, it } from 'vitest';
import { responseEvents } from '../../testing/responses-frames.ts';
import type { EventKind } from '../dialect.ts';
import { ResponsesReader } from './responses-reader.ts';

function read(text: string, step = text.length) {
  const reader = new ResponsesReader();
  const kinds: EventKind[] = [];
  let out = '';
  const take = (kind: EventKind, bytes: Buffer | undefined): void => {
    kinds.push(kind);
    if (kind !== 'error') out += bytes?.toString() ?? '';
  };
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += step) reader.read(bytes.subarray(at, at + step), take);
  reader.end(take);
  return { kinds, out, usage: reader.usage, finished: reader.finished };
}
const kindsOf = (text: string) => read(text).kinds;
const events = () => responseEvents('resp_1');
const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '' };
const usage = { promptTokens: 20, completionTokens: 2, cachedTokens: 16 };
/** llama-server names no item's place and numbers nothing; its type comes first. */
const llama = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;

describe('the commit point of a stream of /v1/responses', () => {
  it('is its first output, not the heads of response, item and part', () => {
    const { head, item, part, text } = events();
    expect(kindsOf(head() + item() + part() + text('') + text('a') + text(''))).toEqual([
      ...Array<EventKind>(5).fill('opening'),
      'content',
      'content',
    ]);
  });

  it.each<[string, (of: ReturnType<typeof events>) => string]>([
    ['reasoning', ({ reasoning }) => reasoning('hm')],
    ['the call of a tool, whose name is output', ({ item }) => item(call)],
    ['arguments of a call', ({ call: delta }) => delta('{')],
    ['an event that is not understood', () => llama('response.news', {})],
    ['one without a name', () => `data: {"type":"response.output_text.delta","delta":"a"}\n\n`],
  ])('is %s', (_, make) => expect(kindsOf(events().head() + make(events())).slice(2)).toEqual(['content']));

  it('is the end where there is no output at all', () => {
    expect(kindsOf(events().head() + events().completed()).slice(2)).toEqual(['content', 'done']);
  });
});

describe('the end of a stream of /v1/responses', () => {
  it.each([
    ['response.completed', events().completed(20, 2, 16)],
    ['response.incomplete', events().incomplete()],
    [
      'response.completed without a name',
      events()
        .completed(20, 2, 16)
        .replace(/^event.*\n/, ''),
    ],
  ])('%s ends it, with its usage', (name, last) => {
    const result = read(events().head() + events().text('a') + last);
    expect(result.kinds.at(-1)).toBe('done');
    expect(result.finished).toBe(true);
    expect(result.usage).toEqual(name === 'response.incomplete' ? { ...usage, cachedTokens: 0 } : usage);
  });

  it('[DONE] does not, nor do words of a text', () => {
    const told = events().text('event: response.completed\ndata: {"type":"response.completed"}\n\n');
    const result = read(`${events().head()}${told}data: [DONE]\n\n`);
    expect([result.kinds.at(-1), result.finished]).toEqual(['content', false]);
  });

  it.each([
    ['response.failed', events().failed()],
    ['an error event', llama('error', { code: 'server_error', message: 'oh' })],
    ['one without a name', 'data: {"type":"error","message":"oh"}\n\n'],
    ['vLLM’s', 'data: {"error": {"message": "EngineCore", "code": 500}}\n\ndata: [DONE]\n\n'],
  ])('%s is an error, before and after content', (_, error) => {
    expect(kindsOf(events().head() + error).at(-1)).toBe('error');
    expect(kindsOf(events().head() + events().text('a') + error).at(-1)).toBe('error');
  });

  it('reads the same wherever the bytes are cut, and gives every byte on', () => {
    const { head, item, part, text, completed } = events();
    const whole = head() + item() + part() + text('häppy 🎉') + completed();
    for (let step = 1; step < 40; step += 1) expect(read(whole, step)).toEqual(read(whole));
    expect(read(whole).out).toBe(whole);
  });

  it('of one that fails names the response, goes on with the numbers, and keeps the engine’s own words', () => {
    const { head, text } = events();
    const body = Buffer.from(JSON.stringify({ error: { message: 'lost', code: 'upstream_disconnected' } }));
    const endOf = (stream: string) => {
      const reader = new ResponsesReader();
      reader.read(Buffer.from(stream), () => {});
      const frames = reader.streamEnd(body).toString().trim().split('\n\n');
      return frames.map((frame): unknown => JSON.parse(frame.replace(/^event.*\ndata: /, '')));
    };
    const response = { id: 'resp_1', model: 'm', created_at: 1, status: 'failed', error: { message: 'lost' } };
    expect(endOf(head() + text('a'))).toMatchObject([
      { type: 'response.failed', sequence_number: 3, response },
      { type: 'error', sequence_number: 4, message: 'lost', error: { code: 'upstream_disconnected' } },
    ]);
    const own = events();
    expect(endOf(own.head() + own.text('a') + own.failed({ code: 'server_error', message: 'its own' }))).toMatchObject([
      { type: 'response.failed', sequence_number: 3, response: { ...response, error: { message: 'its own' } } },
      { type: 'error', sequence_number: 4, message: 'lost' },
    ]);
    // Before any response the error comes first.
    expect(endOf('')).toMatchObject([{ type: 'error' }, { type: 'response.failed', sequence_number: 1 }]);
  });
});
