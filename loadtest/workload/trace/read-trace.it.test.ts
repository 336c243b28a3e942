import { expect, it } from 'vitest';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { collected, traceFile } from '../testing/trace-file.ts';
import { azureHeader } from './azure.ts';
import { readTrace } from './read-trace.ts';

const read = async (text: string) => collected(readTrace(await traceFile(text), 512));
const mooncake = (change: object = {}): string =>
  JSON.stringify({ timestamp: 0, input_length: 600, output_length: 5, hash_ids: [0, 1], ...change });

it('reads both formats, with and without byte order mark, carriage returns and a last line end', async () => {
  const rows = [
    { timestamp: 0, inputTokens: 600, outputTokens: 5, blocks: [0, 1] },
    { timestamp: 70, inputTokens: 1, outputTokens: 0, blocks: [2] },
  ];
  const lines = [mooncake(), mooncake({ timestamp: 70, input_length: 1, output_length: 0, hash_ids: [2], chat: 'x' })];
  expect(await read(lines.join('\n'))).toEqual(rows);
  expect(await read(`\uFEFF${lines.join('\r\n')}\r\n\r\n`)).toEqual(rows);
  const azure = [azureHeader, '2023-11-16 18:17:03.9799600,4808,10', '2023-11-16T20:17:04.000+02:00,1,0'];
  const [first, second] = await read(`\uFEFF${azure.join('\r\n')}`);
  expect(first).toEqual({ timestamp: Date.UTC(2023, 10, 16, 18, 17, 3, 979), inputTokens: 4808, outputTokens: 10 });
  expect(second).toEqual({ timestamp: Date.UTC(2023, 10, 16, 18, 17, 4), inputTokens: 1, outputTokens: 0 });
});

it('takes a time that goes back a little for now', async () => {
  const rows = await read([500, 1500, 600, 1600].map((timestamp) => mooncake({ timestamp })).join('\n'));
  expect(rows.map(({ timestamp }) => timestamp)).toEqual([500, 1500, 1500, 1600]);
});

it.each([
  ['', 'no request in it'],
  [azureHeader, 'no request in it'],
  ['timestamp,prompt\n1,2', ':1: expected a JSON object (a Mooncake trace) or the header TIMESTAMP,ContextTokens'],
  [`${mooncake()}\n{"timestamp": 1,`, ':2: expected a JSON object: '],
  [`${mooncake()}\n[]`, ':2: line: Invalid input: expected object, received array'],
  [`${mooncake()}\n\n${mooncake({ input_length: -1 })}`, ':3: input_length: Too small: expected number to be >0'],
  [mooncake({ output_length: undefined }), ':1: output_length: Invalid input: expected number, received undefined'],
  [mooncake({ hash_ids: [0, 'b'] }), ':1: hash_ids.1: Invalid input: expected number, received string'],
  [mooncake({ hash_ids: [0] }), ':1: hash_ids: 600 tokens are 2 blocks of 512, but 1 ids are there'],
  [[5000, 3999].map((timestamp) => mooncake({ timestamp })).join('\n'), ':2: timestamp: goes back by 1001 ms'],
  [`${azureHeader}\n2023-11-16 18:17:03,5`, ':2: expected 3 fields (TIMESTAMP,ContextTokens,GeneratedTokens), found 2'],
  [
    `${azureHeader}\n2023-11-16 18:17:03,-5,1`,
    ':2: ContextTokens: expected a whole number of tokens, at least 1, found "-5"',
  ],
  [`${azureHeader}\nyesterday,5,1`, ':2: TIMESTAMP: expected a time as 2023-11-16 18:17:03.979, found "yesterday"'],
  [`${azureHeader}\n2023-13-16 18:17:03,5,1`, ':2: TIMESTAMP: there is no such time, found "2023-13-16 18:17:03"'],
])('says where it is wrong, and what was expected: %j', async (text, said) => {
  const error = await read(text).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(said);
});

it('reads no further than it is asked to', async () => {
  const rows = readTrace(await traceFile(`${`${mooncake()}\n`.repeat(50_000)}broken`), 512);
  expect((await rows.next()).done).toBe(false);
  expect((await rows.return(undefined)).done).toBe(true);
});

it('says so where there is no such file', async () => {
  await expect(readTrace('/nowhere/trace.jsonl', 512).next()).rejects.toThrow(
    'The trace cannot be read: Error: ENOENT',
  );
});
