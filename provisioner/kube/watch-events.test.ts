import { describe, expect, test } from 'vitest';
import { readWatchEvents, type WatchEvent } from './watch-events.ts';

const event = (name: string): WatchEvent => ({
  type: 'ADDED',
  object: { apiVersion: 'v1', kind: 'Pod', metadata: { name } },
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function read(chunks: Uint8Array[], eventBytesMax = 1_000): Promise<WatchEvent[]> {
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunks;
  }
  const events: WatchEvent[] = [];
  for await (const event of readWatchEvents(source(), eventBytesMax)) events.push(event);
  return events;
}

describe('readWatchEvents', () => {
  const events = [event('a'), event('ü€😀'), event('c')];
  const whole = bytes(events.map((each) => `${JSON.stringify(each)}\n`).join(''));

  test.each([1, 2, 3, 7, 64, 10_000])('finds the events in pieces of %d bytes', async (size) => {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
    expect(await read(pieces)).toEqual(events);
  });

  test('empty lines and what follows the last newline are passed over', async () => {
    expect(await read([bytes(`\n\r\n${JSON.stringify(event('a'))}\n{"type":"ADD`)])).toEqual([event('a')]);
  });

  test.each([
    '{"type":',
    'null',
    '7',
    '{"type":"ADDED"}',
    '{"type":"OTHER","object":{"metadata":{}}}',
    '{"type":"ADDED","object":{"metadata":null}}',
  ])('%s is refused', async (bad) => {
    await expect(read([bytes(`${bad}\n`)])).rejects.toMatchObject({ status: 0, reason: 'BadResponse' });
  });

  test('an ERROR event is thrown as its Status', async () => {
    const status = { code: 410, reason: 'Expired', message: 'too old', details: { retryAfterSeconds: 2 } };
    const thrown = read([bytes(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)]);
    await expect(thrown).rejects.toMatchObject({ status: 410, reason: 'Expired', retryAfterMs: 2_000 });
  });

  test('an event above the bound is refused before it is whole', async () => {
    await expect(read([bytes('x'.repeat(600)), bytes('x'.repeat(600))])).rejects.toThrow('larger than 1000 bytes');
  });
});
